package device

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func askProfile(r RequestID, edition int) RequestProfile {
	return RequestProfile{Tenant: tenant, Device: dev, Request: r, Configuration: Configuration{"p1", edition}, At: at}
}

func profileRequested(r RequestID, edition int) ProfileRequested {
	return ProfileRequested{Device: dev, Request: r, Configuration: Configuration{"p1", edition}, At: at, ExpiresAt: at.Add(RequestLifetime)}
}

func sentProfile(r RequestID) RequestSent {
	return RequestSent{Device: dev, Request: r, Kind: ApplyProfile, At: at}
}

func TestRequestProfile(t *testing.T) {
	given(t).When(askProfile("r1", 1)).Then(profileRequested("r1", 1)).When(askProfile("r1", 1)).ThenNothing()
	given(t, profileRequested("r1", 1)).When(askProfile("r2", 1)).ThenNothing()
	given(t, profileRequested("r1", 1)).When(askProfile("r1", 2)).ThenRefused(domain.ErrExists)
	given(t, removed).When(askProfile("r1", 1)).ThenRefused(ErrRemoved)
	given(t).When(askProfile("r1", 0)).ThenRefused(domain.ErrInvalid.At("/configuration"))
	given(t, scanRequested("r1"), profileRequested("r2", 1)).When(askProfile("r3", 2)).
		Then(RequestAborted{Device: dev, Request: "r2", Kind: ApplyProfile, Reason: AbortedByAnother}, profileRequested("r3", 2))
	given(t, profileRequested("r1", 1), sentProfile("r1")).When(askProfile("r2", 2)).
		Then(profileRequested("r2", 2)). // what the device has can't be taken back
		When(askProfile("r3", 1)).       // and then the first again: it is to have the last word
		Then(RequestAborted{Device: dev, Request: "r2", Kind: ApplyProfile, Reason: AbortedByAnother}, profileRequested("r3", 1))
}

func TestProfileApplied(t *testing.T) {
	done := Complete{Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", At: at}
	completed := RequestCompleted{Device: dev, Request: "r1", Kind: ApplyProfile, OK: true, Code: "done", At: at}
	applied := ProfileApplied{Device: dev, To: Configuration{"p1", 2}, At: at}
	given(t, profileRequested("r1", 2), sentProfile("r1")).When(done).Then(applied, completed)
	given(t, applied, profileRequested("r1", 2)).When(done).Then(completed)

	failed, told := done, completed
	failed.OK, failed.Code, told.OK, told.Code = false, "failed", false, "failed"
	given(t, profileRequested("r1", 2)).When(failed).Then(told)

	says := func(c *Configuration) Report {
		return Report{Tenant: tenant, Device: dev, Complete: true, Applied: c, At: at.Add(time.Hour)}
	}
	given(t, applied).When(says(nil)).ThenNothing()
	given(t, applied).When(says(&Configuration{"p1", 2})).ThenNothing()
	given(t, applied).When(says(&Configuration{})). // installed anew
							Then(ProfileApplied{Device: dev, From: Configuration{"p1", 2}, At: at.Add(time.Hour)}).
							When(says(&Configuration{})).ThenNothing()
	given(t).When(says(&Configuration{"p 1", 2})).ThenRefused(domain.ErrInvalid.At("/profile"))
	given(t).When(says(&Configuration{"p1", -1})).ThenRefused(domain.ErrInvalid.At("/edition"))
	if got := domaintest.Fold[State](enrolled, applied).Applied(); got != applied.To {
		t.Errorf("applied is %+v", got)
	}
}

func TestOwnScan(t *testing.T) {
	own := scan("r1")
	own.Profile, own.Name, own.Paths = ProfileOwn, "Daten", []string{`D:\`}
	requested := scanRequested("r1")
	requested.Profile, requested.Name, requested.Paths = ProfileOwn, "Daten", own.Paths
	given(t).When(own).Then(requested).When(own).ThenNothing()
	nameless, named, pathless := own, scan("r1"), own
	nameless.Name, named.Name, pathless.Paths = "", "Daten", nil
	given(t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
	given(t).When(named).ThenRefused(domain.ErrInvalid.At("/name"))
	given(t).When(pathless).ThenRefused(domain.ErrInvalid.At("/paths"))
}
