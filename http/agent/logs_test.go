package agent_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/http/agent/wire"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (b *bench) consent(allowed bool) {
	b.Helper()
	rq := admin()
	rq.Actor.Role, rq.Actor.Customer = domain.CustomerAdmin, "c-l1"
	if _, err := commands.Do[customer.State](b.Context(), b.h, rq, customer.ConsentToLogs{Tenant: tenant, Customer: "c-l1", Allowed: allowed, At: time.Now()}); err != nil {
		b.Fatal(err)
	}
}

// askForLog answers the id of the request.
func (c *client) askForLog() string {
	c.Helper()
	rq := admin()
	_, err := commands.RequestLog(c.Context(), c.h, rq, device.RequestLog{
		Tenant: tenant, Device: domain.DeviceID(c.cred.DeviceID), Request: device.RequestID(rq.ID.String()), At: rq.At,
	})
	if err != nil {
		c.Fatal(err)
	}
	return rq.ID.String()
}

// ended is how a request ended.
func (c *client) ended(request string) (e device.RequestCompleted) {
	c.Helper()
	for r, err := range c.store.Read(c.Context(), device.Stream(tenant, domain.DeviceID(c.cred.DeviceID)), eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			c.Fatal(err)
		}
		if done, ok := r.Event.(device.RequestCompleted); ok && string(done.Request) == request {
			e = done
		}
	}
	return e
}

func TestALogIsHandedIn(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	of, d := domain.Scope{Tenant: tenant, Customer: "c-l1"}, domain.DeviceID(c.cred.DeviceID)
	b.consent(true)
	request := c.askForLog()
	var offered wire.Commands
	if status, p := c.call(http.MethodGet, wire.CommandsPath+"?wait=1s", nil, &offered); status != http.StatusOK || len(offered.Commands) != 1 || offered.Commands[0].Kind != wire.KindLog {
		t.Fatalf("offered %+v: %d %+v", offered, status, p)
	}
	content := zipped(t, "begins\n")
	result := wire.CommandResult{At: time.Now(), OK: true, Code: wire.ResultDone, Log: content}
	for range 2 { // the second time, it is over
		c.call(http.MethodPost, wire.ResultPath(request), result, nil)
	}
	if got, err := b.logs.Open(t.Context(), of, d, device.RequestID(request), time.Now()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("kept: %q, %v", got, err)
	}
	if n := count(b.types(), "device.log_received"); n != 1 || !c.ended(request).OK {
		t.Errorf("%d logs received: %+v", n, c.ended(request))
	}
}

// A log that nobody asked for, that is none, or that the customer does not let be read any more, is not kept.
func TestLogsThatAreNotKept(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	of, d := domain.Scope{Tenant: tenant, Customer: "c-l1"}, domain.DeviceID(c.cred.DeviceID)
	b.consent(true)
	send := func(request string, log []byte) {
		t.Helper()
		c.call(http.MethodPost, wire.ResultPath(request), wire.CommandResult{At: time.Now(), OK: true, Code: wire.ResultDone, Log: log}, nil)
	}
	send(uuid.NewString(), zipped(t, "x"))
	rq := admin()
	if _, err := commands.Do[device.State](t.Context(), b.h, rq, device.RequestUpdate{Tenant: tenant, Device: d, Request: device.RequestID(rq.ID.String()), At: rq.At}); err != nil {
		t.Fatal(err)
	}
	send(rq.ID.String(), zipped(t, "x"))
	for _, bad := range [][]byte{[]byte("no gzip"), zipped(t, "cut off")[:12], nil, zipped(t, string(make([]byte, 65<<20)))} {
		request := c.askForLog()
		if send(request, bad); c.ended(request).Code != wire.ResultInvalid || c.ended(request).OK {
			t.Errorf("a log of %d bytes that is none: %+v", len(bad), c.ended(request))
		}
	}
	request := c.askForLog()
	b.consent(false)
	if status, _ := c.call(http.MethodGet, wire.CommandsPath+"?wait=1ms", nil, nil); status != http.StatusNoContent {
		t.Errorf("without consent the device is asked: %d", status)
	}
	if send(request, zipped(t, "x")); c.ended(request).Code != wire.ResultNoConsent || c.ended(request).OK {
		t.Errorf("without consent: %+v", c.ended(request))
	}
	if list, err := b.logs.List(t.Context(), of, d, time.Now()); err != nil || len(list) != 0 || count(b.types(), "device.log_received") != 0 {
		t.Errorf("kept: %+v, %v", list, err)
	}
}
