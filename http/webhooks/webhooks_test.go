package webhooks

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/webhook"
	"avportal/eventstore"
	"avportal/http/texts"
)

// Once for each notice that is wanted, signed, whatever comes again.
func TestANoticeIsDelivered(t *testing.T) {
	o := open(t)
	before := o.raise(domain.NoticeVirusFound)
	o.later(time.Second)
	secret := o.hook("w1", o.server.URL+"/hook?token=abc")
	id := o.raise(domain.NoticeVirusFound)
	o.raise(domain.NoticeInstalled)
	other := o.sender(o.trusting())
	for range 2 {
		for _, s := range []*Sender{o.own, other} {
			o.follow(s)
			o.work(s)
		}
	}
	calls := o.got()
	if len(calls) != 1 {
		t.Fatalf("%d calls; %s was raised before", len(calls), before)
	}
	c := calls[0]
	verifier, err := standardwebhooks.NewWebhook(secret)
	check(t, err)
	check(t, verifier.VerifyIgnoringTimestamp(c.body, c.header))
	if verifier.VerifyIgnoringTimestamp(append([]byte(" "), c.body...), c.header) == nil {
		t.Error("another body has the same signature")
	}
	var m message
	check(t, json.Unmarshal(c.body, &m))
	if c.header.Get("webhook-id") != id || m.Type != "notice.virus_found" || m.Data.ID != id || m.Data.Text != "Test.Virus wurde auf PC-1 gefunden: /a" || m.Data.Device != "d1" || m.Data.Severity != domain.Critical {
		t.Errorf("%v: %s", c.header, c.body)
	}
	if d := o.only("w1"); d.State != "delivered" || d.Attempts != 1 || d.Status != 204 {
		t.Errorf("the result: %+v", d)
	}
	// A rewind weeks later, when results are no longer kept, queues nothing: it is no news.
	_, err = o.db.Exec(t.Context(), `DELETE FROM live.webhook_delivery`)
	check(t, err)
	o.later(kept)
	o.follow(o.own)
	o.work(o.own)
	if n := len(o.got()); n != 1 {
		t.Errorf("%d calls after a rewind", n)
	}
}

func TestTwoPortalsAtOnceDeliverEachNoticeOnce(t *testing.T) {
	o := open(t)
	for _, id := range []webhook.ID{"w1", "w2", "w3"} {
		o.hook(id, o.server.URL)
	}
	for range 10 {
		o.raise(domain.NoticeVirusFound)
	}
	var portals sync.WaitGroup
	for range 3 {
		s := o.sender(o.trusting())
		portals.Go(func() {
			o.follow(s)
			o.work(s)
		})
	}
	portals.Wait()
	o.work(o.own) // one that another held when the portals were through
	if n := len(o.got()); n != 30 {
		t.Errorf("%d calls, want 30", n)
	}
}

// A portal that dies with a request under way leaves it to be sent again, under the same id.
func TestADeliveryThatWasBrokenOffIsMadeAgain(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	id := o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	dying, die := context.WithCancel(t.Context())
	o.say(func(http.ResponseWriter, *http.Request) { die() })
	if _, err := o.own.Deliver(dying); err == nil {
		t.Error("the attempt was not broken off")
	}
	o.say(nil)
	s := o.sender(o.trusting())
	o.work(s)
	if n := len(o.got()); n != 1 {
		t.Errorf("%d calls while the lease holds", n)
	}
	o.later(lease + time.Second)
	o.work(s)
	if calls := o.got(); len(calls) != 2 || calls[1].header.Get("webhook-id") != id || o.only("w1").State != "delivered" {
		t.Errorf("%d calls", len(calls))
	}
}

func TestWhatFailsIsTriedAgainAndGivenUp(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	o.say(status(500))
	for i, pause := range pauses {
		o.work(o.own)
		if d := o.only("w1"); d.State != "waiting" || d.Attempts != i+1 || d.Status != 500 || !d.NextAt.Equal(o.clock().Add(pause)) {
			t.Fatalf("after attempt %d: %+v", i+1, d)
		}
		o.later(pause)
	}
	o.work(o.own)
	if d := o.only("w1"); d.State != "failed" || d.Attempts != len(pauses)+1 || o.disabled("w1") != webhook.Failing {
		t.Errorf("in the end: %+v, disabled %q", d, o.disabled("w1"))
	}
	o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	if d := o.only("w1"); d.State != "failed" {
		t.Errorf("queued for a webhook that is off: %+v", d)
	}
}

// One message that the other side never takes does not switch off a webhook that works.
func TestAWebhookThatWorksStaysOn(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	bad := o.raise(domain.NoticeVirusFound)
	o.say(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("webhook-id") == bad {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	o.follow(o.own)
	for _, pause := range append(pauses, 0) {
		o.work(o.own)
		o.later(pause)
	}
	o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	if o.disabled("w1") != webhook.Failing { // nothing had got through meanwhile
		t.Errorf("disabled: %q", o.disabled("w1"))
	}
	_, err := commands.Do[webhook.State](t.Context(), o.h, o.as(domain.ResellerAdmin), webhook.Enable{Tenant: tenant, Webhook: "w1", At: o.clock()})
	check(t, err)
	bad = o.raise(domain.NoticeVirusFound)
	o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	for _, pause := range append(pauses, 0) {
		o.work(o.own)
		o.later(pause)
	}
	if why := o.disabled("w1"); why != "" {
		t.Errorf("disabled: %q", why)
	}
}

func TestGoneIsGone(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	o.raise(domain.NoticeVirusFound)
	o.raise(domain.NoticeVirusFound)
	o.follow(o.own)
	o.say(status(http.StatusGone))
	o.work(o.own)
	if n := len(o.got()); n != 1 || o.disabled("w1") != webhook.Gone {
		t.Errorf("%d calls, disabled %q", n, o.disabled("w1"))
	}
	check(t, o.own.Follow(t.Context(), eventstore.Recorded{Stream: webhook.Stream(tenant), Event: webhook.Removed{Webhook: "w1"}}))
	var left int
	check(t, o.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM live.webhook_delivery) + (SELECT count(*) FROM vault.webhook_secret)`).Scan(&left))
	if left > 0 {
		t.Errorf("%d rows are left of a webhook that was removed", left)
	}
}

func TestTheOtherSideMayBehaveAsItLikes(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		reason string
		status int
	}{
		"redirects":     {http.RedirectHandler(o.server.URL+"/elsewhere", http.StatusFound).ServeHTTP, "redirect", 302},
		"is slow":       {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timeout", 0},
		"hangs up":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "connection", 0},
		"talks forever": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) }, "", 200},
		"is broken":     {status(503), "status", 503},
	} {
		o.say(c.answer)
		r, err := o.own.Test(t.Context(), tenant, "w1", texts.English, "test")
		if err != nil || r.Reason != c.reason || r.Status != c.status || r.OK != (c.status == 200) {
			t.Errorf("one that %s: %+v, %v", name, r, err)
		}
	}
	if _, err := o.own.Test(t.Context(), tenant, "w9", texts.English, "test"); err == nil {
		t.Error("a webhook that is not there was tested")
	}
}

// Without the operator's leave, nothing reaches this machine, whatever stands in the log.
func TestPrivateAddressesAreNotCalled(t *testing.T) {
	o := open(t)
	o.hook("w1", o.server.URL)
	o.raise(domain.NoticeVirusFound)
	careful := o.trusting()
	careful.Private = false
	s := o.sender(careful)
	o.follow(s)
	o.work(s)
	if d := o.only("w1"); len(o.got()) != 0 || d.Reason != "address" || d.State != "waiting" {
		t.Errorf("%d calls, %+v", len(o.got()), d)
	}
	if s.Check(o.server.URL) == nil || o.own.Check(o.server.URL) != nil {
		t.Error("the address is judged otherwise before it is kept")
	}
}

func TestAChangedSecretOverlapsForADay(t *testing.T) {
	o := open(t)
	first := o.hook("w1", o.server.URL)
	rq := o.as(domain.ResellerAdmin)
	second, err := o.own.NewSecret(t.Context(), tenant, "w1", SecretFor(rq.ID))
	check(t, err)
	again, err := o.own.NewSecret(t.Context(), tenant, "w1", SecretFor(rq.ID))
	check(t, err)
	if second == first || second != again {
		t.Errorf("secrets %q, %q, repeated %q", first, second, again)
	}
	_, err = commands.Do[webhook.State](t.Context(), o.h, rq, webhook.ChangeSecret{Tenant: tenant, Webhook: "w1", Secret: SecretFor(rq.ID), At: o.clock()})
	check(t, err)
	verifies := func(secret string) bool {
		r, err := o.own.Test(t.Context(), tenant, "w1", texts.English, "test")
		check(t, err)
		calls := o.got()
		verifier, err := standardwebhooks.NewWebhook(secret)
		check(t, err)
		last := calls[len(calls)-1]
		return r.OK && verifier.VerifyIgnoringTimestamp(last.body, last.header) == nil
	}
	if !verifies(first) || !verifies(second) {
		t.Error("within a day both secrets hold")
	}
	o.later(webhook.Overlap)
	if verifies(first) || !verifies(second) {
		t.Error("after a day only the new one holds")
	}
}
