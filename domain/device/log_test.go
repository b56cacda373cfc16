package device

import (
	"testing"
	"time"

	"avportal/domain"
)

func TestRequestLog(t *testing.T) {
	ask := RequestLog{Tenant: tenant, Device: dev, Request: "r1", Consented: true, At: at}
	requested := LogRequested{Device: dev, Request: "r1", At: at, ExpiresAt: at.Add(48 * time.Hour)}
	again, unasked := ask, ask
	again.Request, unasked.Consented = "r2", false
	given(t).When(ask).Then(requested).When(again).ThenNothing()
	given(t).When(unasked).ThenRefused(ErrNoLogConsent)
	given(t, Removed{Device: dev}).When(ask).ThenRefused(ErrRemoved)
	given(t, requested, RequestStarted{Device: dev, Request: "r1", Kind: FetchLog, At: at}).When(again).
		Then(LogRequested{Device: dev, Request: "r2", At: at, ExpiresAt: at.Add(48 * time.Hour)})
	given(t, requested).When(Cancel{Tenant: tenant, Device: dev, Request: "r1", At: at}).
		Then(RequestAborted{Device: dev, Request: "r1", Kind: FetchLog, Reason: AbortedByPerson})
	given(t, requested).When(Expire{Tenant: tenant, Device: dev, At: at.Add(48 * time.Hour)}).
		Then(RequestAborted{Device: dev, Request: "r1", Kind: FetchLog, Reason: AbortedByTime})
	if states := RequestStates([]domain.Event{requested, wasSent("r1")}); states["r1"] != Waiting {
		t.Errorf("the states: %v", states)
	}
}

func TestALogIsReceivedAndDownloaded(t *testing.T) {
	requested := LogRequested{Device: dev, Request: "r1", At: at, ExpiresAt: at.Add(48 * time.Hour)}
	done := Complete{Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", Log: Log{Bytes: 7, SHA256: "abc"}, At: at}
	completed := RequestCompleted{Device: dev, Request: "r1", Kind: FetchLog, OK: true, Code: "done", At: at}
	given(t, requested).When(done).Then(LogReceived{Device: dev, Request: "r1", Log: done.Log, At: at}, completed)
	empty := done
	empty.Log = Log{}
	given(t, requested).When(empty).Then(RequestCompleted{Device: dev, Request: "r1", Kind: FetchLog, Code: "invalid", Detail: "the device sent no log", At: at})
	other := Complete{Tenant: tenant, Device: dev, Request: "r1", OK: true, Code: "done", Log: done.Log, At: at}
	given(t, updateRequested("r1")).When(other).Then(RequestCompleted{Device: dev, Request: "r1", Kind: Update, OK: true, Code: "done", At: at})

	download := DownloadLog{Tenant: tenant, Device: dev, Request: "r1", At: at}
	given(t).When(download).Then(LogDownloaded{Device: dev, Request: "r1"}).When(download).Then(LogDownloaded{Device: dev, Request: "r1"})
	given(t, Removed{Device: dev}).When(download).ThenRefused(ErrRemoved)
}
