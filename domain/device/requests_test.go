package device

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func scan(r RequestID) RequestScan {
	return RequestScan{Tenant: tenant, Device: dev, Request: r, Profile: ProfileQuick, At: at}
}

func update(r RequestID) RequestUpdate {
	return RequestUpdate{Tenant: tenant, Device: dev, Request: r, At: at}
}

func scanRequested(r RequestID) ScanRequested {
	return ScanRequested{Device: dev, Request: r, Profile: ProfileQuick, At: at, ExpiresAt: at.Add(48 * time.Hour)}
}

func updateRequested(r RequestID) UpdateRequested {
	return UpdateRequested{Device: dev, Request: r, At: at, ExpiresAt: at.Add(48 * time.Hour)}
}

func wasSent(r RequestID) RequestSent {
	return RequestSent{Device: dev, Request: r, Kind: Scan, At: at}
}
func hasStarted(r RequestID) RequestStarted {
	return RequestStarted{Device: dev, Request: r, Kind: Scan, At: at}
}

func hasEnded(r RequestID) RequestCompleted {
	return RequestCompleted{Device: dev, Request: r, Kind: Scan, Profile: ProfileQuick, OK: true, Code: "done", At: at}
}

func aborted(r RequestID, reason AbortReason) RequestAborted {
	return RequestAborted{Device: dev, Request: r, Kind: Scan, Reason: reason}
}

func TestRequestScan(t *testing.T) {
	given(t).When(scan("r1")).Then(scanRequested("r1")).When(scan("r1")).ThenNothing()
	given(t, scanRequested("r1")).When(scan("r2")).ThenNothing()                               // the same already waits
	given(t, scanRequested("r1"), wasSent("r1")).When(scan("r2")).ThenNothing()                // still
	given(t, scanRequested("r1"), hasStarted("r1")).When(scan("r2")).Then(scanRequested("r2")) // it may have passed by
	given(t, scanRequested("r1"), hasStarted("r1")).When(scan("r1")).ThenNothing()
	given(t, scanRequested("r1"), hasEnded("r1")).When(scan("r1")).ThenRefused(ErrRequestFinished)
	given(t, updateRequested("r1")).When(scan("r1")).ThenRefused(domain.ErrExists)

	full := scan("r2")
	full.Profile = ProfileFull
	requested := scanRequested("r2")
	requested.Profile = ProfileFull
	given(t, scanRequested("r1")).When(full).Then(requested)
}

func TestScanOfPaths(t *testing.T) {
	paths := scan("r1")
	paths.Profile, paths.Paths = ProfilePath, []string{`C:\Users`, `D:\`}
	requested := scanRequested("r1")
	requested.Profile, requested.Paths = ProfilePath, paths.Paths
	again, others := paths, paths
	again.Request, others.Request, others.Paths = "r2", "r2", []string{`D:\`}
	otherRequested := requested
	otherRequested.Request, otherRequested.Paths = "r2", others.Paths
	given(t).When(paths).Then(requested).When(again).ThenNothing()
	given(t, requested).When(others).Then(otherRequested)

	for field, spoil := range map[string]func(*RequestScan){
		"/profile": func(c *RequestScan) { c.Profile = "everything" },
		"/paths":   func(c *RequestScan) { c.Profile = ProfileFull },
		"/paths/1": func(c *RequestScan) { c.Paths = []string{"a", ""} },
		"/paths/0": func(c *RequestScan) { c.Paths = []string{"a\nb"} },
		"/request": func(c *RequestScan) { c.Request = "" },
	} {
		c := paths
		spoil(&c)
		given(t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	none, many := paths, paths
	none.Paths, many.Paths = nil, make([]string, MaxPaths+1)
	given(t).When(none).ThenRefused(domain.ErrInvalid.At("/paths"))
	given(t).When(many).ThenRefused(domain.ErrInvalid.At("/paths"))
}

func TestRequestUpdate(t *testing.T) {
	given(t).When(update("r1")).Then(updateRequested("r1")).When(update("r2")).ThenNothing()
}

func TestRequestsAreBounded(t *testing.T) {
	var history []domain.Event
	for i := range MaxPending {
		r := scanRequested(RequestID(fmt.Sprint("r", i)))
		r.Profile, r.Paths = ProfilePath, []string{fmt.Sprint("/", i)}
		history = append(history, r)
	}
	given(t, history...).When(update("r20")).ThenRefused(ErrTooManyRequests)
	given(t, append(history, hasEnded("r3"))...).When(update("r20")).Then(updateRequested("r20"))
}

func TestMarkSent(t *testing.T) {
	send := MarkSent{Tenant: tenant, Device: dev, Request: "r1", At: at}
	given(t, scanRequested("r1")).When(send).Then(wasSent("r1")).When(send).ThenNothing()
	given(t, scanRequested("r1"), hasStarted("r1")).When(send).ThenNothing()
	given(t, scanRequested("r1"), hasEnded("r1")).When(send).ThenRefused(ErrRequestFinished)
	given(t).When(send).ThenRefused(ErrUnknownRequest)
	late := send
	late.At = at.Add(RequestLifetime)
	given(t, scanRequested("r1")).When(late).ThenRefused(ErrRequestFinished)
	given(t, scanRequested("r1"), wasSent("r1")).When(late).ThenRefused(ErrRequestFinished)
}

func TestMarkStarted(t *testing.T) {
	start := MarkStarted{Tenant: tenant, Device: dev, Request: "r1", At: at}
	given(t, scanRequested("r1"), wasSent("r1")).When(start).Then(hasStarted("r1")).When(start).ThenNothing()
	given(t, scanRequested("r1")).When(start).Then(hasStarted("r1")) // that it was sent need not have been written down
	given(t, scanRequested("r1"), aborted("r1", AbortedByPerson)).When(start).ThenRefused(ErrRequestFinished)
	given(t).When(start).ThenRefused(ErrUnknownRequest)
}

func TestComplete(t *testing.T) {
	c := Complete{Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", At: at}
	given(t, scanRequested("r1"), wasSent("r1"), hasStarted("r1")).When(c).Then(hasEnded("r1")).When(c).ThenRefused(ErrRequestFinished)
	given(t).When(c).ThenRefused(ErrUnknownRequest)

	refused := Complete{Tenant: tenant, Device: dev, Request: "r1", Code: "not_allowed", Detail: "Outside the roots.", At: at}
	given(t, scanRequested("r1")).When(refused).Then(RequestCompleted{
		Device: dev, Request: "r1", Kind: Scan, Profile: ProfileQuick, Code: "not_allowed", Detail: "Outside the roots.", At: at,
	})
	updated := Complete{Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", SignatureVersion: "27001", SignatureDate: at, At: at}
	given(t, updateRequested("r1")).When(updated).Then(RequestCompleted{
		Device: dev, Request: "r1", Kind: Update, OK: true, Code: "done", SignatureVersion: "27001", SignatureDate: at, At: at,
	})
	loud := c
	loud.Detail = string(make([]byte, MaxDetail+1))
	given(t, scanRequested("r1")).When(loud).ThenRefused(domain.ErrInvalid.At("/detail"))
	bad := c
	bad.Threats = []Threat{{}}
	given(t, scanRequested("r1")).When(bad).ThenRefused(domain.ErrInvalid.At("/threats/id"))
}

func TestCompleteTellsWhatTheScanFound(t *testing.T) {
	c := Complete{
		Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", At: at,
		Scan: ScanResult{Files: 90, Infected: 1}, Threats: []Threat{threat("t2"), gone("t1")},
	}
	end := hasEnded("r1")
	end.Scan = c.Scan
	given(t, found("t0", 1), found("t1", 2), scanRequested("r1"), hasStarted("r1")).When(c).
		Then(found("t2", 3), told("t1", 2), end). // t0 is not concerned
		When(report(true, threat("t0"), threat("t2"), gone("t1"))).ThenNothing()
}

func TestCancel(t *testing.T) {
	cancel := Cancel{Tenant: tenant, Device: dev, Request: "r1", At: at}
	given(t, scanRequested("r1")).When(cancel).Then(aborted("r1", AbortedByPerson)).When(cancel).ThenRefused(ErrRequestFinished)
	given(t, scanRequested("r1"), wasSent("r1")).When(cancel).ThenRefused(ErrRequestSent)
	given(t, scanRequested("r1"), hasStarted("r1")).When(cancel).ThenRefused(ErrRequestSent)
	given(t).When(cancel).ThenRefused(ErrUnknownRequest)
}

func TestExpire(t *testing.T) {
	expire := func(after time.Duration) Expire { return Expire{Tenant: tenant, Device: dev, At: at.Add(after)} }
	given(t, scanRequested("r1")).When(expire(RequestLifetime - 1)).ThenNothing()
	given(t, scanRequested("r1")).When(expire(RequestLifetime)).Then(aborted("r1", AbortedByTime)).When(expire(RequestLifetime)).ThenNothing()
	given(t, scanRequested("r1"), wasSent("r1")).When(expire(RequestLifetime)).Then(aborted("r1", AbortedBySilence))

	late := hasStarted("r1") // a scan may begin late and still has its time
	late.At = at.Add(47 * time.Hour)
	given(t, scanRequested("r1"), late).When(expire(94 * time.Hour)).ThenNothing()
	given(t, scanRequested("r1"), late).When(expire(95 * time.Hour)).Then(aborted("r1", AbortedBySilence))
}

func TestTheSixStates(t *testing.T) {
	history := []domain.Event{enrolled, scanRequested("a"), updateRequested("b")}
	for _, step := range []struct {
		next domain.Event
		want map[RequestID]RequestState
	}{
		{found("t1", 1), map[RequestID]RequestState{"a": Outstanding, "b": Created}},
		{wasSent("a"), map[RequestID]RequestState{"a": Waiting, "b": Created}},
		{hasStarted("a"), map[RequestID]RequestState{"a": Running, "b": Created}},
		{hasEnded("a"), map[RequestID]RequestState{"a": Completed, "b": Outstanding}},
		{aborted("b", AbortedByPerson), map[RequestID]RequestState{"a": Completed, "b": Aborted}},
	} {
		history = append(history, step.next)
		if got := RequestStates(history); !maps.Equal(got, step.want) {
			t.Errorf("after %s: %v, want %v", step.next.EventType(), got, step.want)
		}
		for _, p := range domaintest.Fold[State](history...).Pending() {
			if p.State != step.want[p.ID] {
				t.Errorf("after %s: %s is %s in the state, want %s", step.next.EventType(), p.ID, p.State, step.want[p.ID])
			}
		}
	}
}

func TestPendingTellsWhatToDo(t *testing.T) {
	got := domaintest.Fold[State](enrolled, scanRequested("a")).Pending()
	if len(got) != 1 || got[0].Kind != Scan || got[0].Profile != ProfileQuick || !got[0].RequestedAt.Equal(at) || !got[0].ExpiresAt.Equal(at.Add(RequestLifetime)) {
		t.Errorf("got %+v", got)
	}
}
