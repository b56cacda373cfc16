package live_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/live"
)

func TestLogsOfDevices(t *testing.T) {
	db := migrated(t)
	logs, ctx := live.NewLogs(db), t.Context()
	own := domain.Scope{Tenant: newTenant(), Customer: "c1"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	requests := make([]device.RequestID, live.LogsOfDevice+2)
	for i := range requests {
		requests[i] = device.RequestID(uuid.NewString())
		must(logs.Keep(ctx, own, "d1", requests[i], noon().Add(time.Duration(i)*time.Hour), []byte{byte(i)}))
	}
	last, now := len(requests)-1, noon().Add(24*time.Hour)
	must(logs.Keep(ctx, own, "d1", requests[last], now, []byte("another"))) // repeated: what was kept stays
	must(logs.Keep(ctx, domain.Scope{Tenant: own.Tenant, Customer: "c2"}, "d2", device.RequestID(uuid.NewString()), noon(), []byte("x")))

	list, err := logs.List(ctx, own, "d1", now)
	must(err)
	if len(list) != live.LogsOfDevice || list[0].Request != requests[last] || list[0].Bytes != 1 || !list[0].At.Equal(noon().Add(time.Duration(last)*time.Hour)) {
		t.Errorf("the logs: %+v", list)
	}
	if content, err := logs.Open(ctx, own, "d1", requests[last], now); err != nil || string(content) != string([]byte{byte(last)}) {
		t.Errorf("the last: %q, %v", content, err)
	}
	for name, c := range map[string]struct {
		of      domain.Scope
		device  domain.DeviceID
		request device.RequestID
		at      time.Time
	}{
		"another customer's":      {domain.Scope{Tenant: own.Tenant, Customer: "c2"}, "d1", requests[last], now},
		"another reseller's":      {domain.Scope{Tenant: newTenant(), Customer: "c1"}, "d1", requests[last], now},
		"another device's":        {own, "d2", requests[last], now},
		"one that was pushed out": {own, "d1", requests[0], now},
		"one that is too old":     {own, "d1", requests[last], now.Add(live.LogLifetime)},
		"no id":                   {own, "d1", "x' OR true", now},
	} {
		if _, err := logs.Open(ctx, c.of, c.device, c.request, c.at); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	left := func() (n int) {
		t.Helper()
		must(db.QueryRow(ctx, `SELECT count(*) FROM live.device_log WHERE tenant = $1`, own.Tenant).Scan(&n))
		return n
	}
	must(logs.Prune(ctx, noon().Add(live.LogLifetime).Add(3*time.Hour)))
	if n := left(); n != 3 {
		t.Errorf("%d are left once the older ones are too old, want 3", n)
	}
	must(logs.ForgetDevice(ctx, own.Tenant, "d2"))
	must(logs.ForgetCustomer(ctx, domain.Scope{Tenant: own.Tenant, Customer: "c2"}))
	if n := left(); n != 3 {
		t.Errorf("%d are left after those of others have gone, want 3", n)
	}
	must(logs.ForgetCustomer(ctx, own))
	if n := left(); n != 0 {
		t.Errorf("%d are left of a customer who was forgotten", n)
	}
}
