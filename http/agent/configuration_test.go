package agent_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/profile"
	"avportal/eventstore"
	"avportal/http/agent/wire"
)

// A device gets the edition that it was asked for, though there is a later one by now, with the secrets and without the
// people who are told; its answer and its reports say what is in force.
func TestAProfileIsHandedOut(t *testing.T) {
	b := setup(t, 2)
	c := b.client().enroll()
	do := func(_ commands.Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := profile.Defaults()
	s.Updates.Proxy = profile.Proxy{Host: "10.0.0.1", Port: 3128, User: "av", Password: "s1"}
	s.Lock.Password = "s2"
	s.ScanProfiles = []profile.ScanProfile{{ID: "data", Name: "Daten", Paths: []string{"/data"}}}
	s.Notifications.Recipients = []profile.Recipient{{Address: domain.Personal{Subject: "s1", Text: "it@example.org"}, Kinds: []domain.Notice{domain.NoticeVirusFound}, Delivery: profile.Instant}}
	for id, value := range map[profile.SecretID]string{"s1": "geheim", "s2": "$argon2id$x"} {
		if err := b.secrets.Keep(t.Context(), tenant, "p1", id, value); err != nil {
			t.Fatal(err)
		}
	}
	do(commands.CreateProfile(t.Context(), b.h, admin(), profile.Create{Tenant: tenant, Profile: "p1", Name: "x", Settings: s, At: time.Now()}))
	do(commands.ChooseProfile(t.Context(), b.h, admin(), tenant, "l1.main", "p1"))
	asked := admin()
	do(commands.TransmitProfile(t.Context(), b.h, asked, tenant, domain.DeviceID(c.cred.DeviceID)))
	later := s
	later.Protection.Web = false
	do(commands.Do[profile.State](t.Context(), b.h, admin(), profile.ChangeSettings{Tenant: tenant, Profile: "p1", Settings: later, At: time.Now()}))

	var offered wire.Commands
	if status, p := c.call(http.MethodGet, wire.CommandsPath+"?wait=1s", nil, &offered); status != http.StatusOK || len(offered.Commands) != 1 {
		t.Fatalf("offered %+v: %d %+v", offered, status, p)
	}
	command := offered.Commands[0]
	got := command.Configuration
	if command.Kind != wire.KindApplyProfile || command.ID != asked.ID.String() || got == nil || got.Profile != "p1" || got.Edition != 1 || !got.Protection.Web ||
		got.Updates.Proxy.Password != "geheim" || got.Lock.PasswordHash != "$argon2id$x" || got.Autoscan.Schedule.Weekday != "wednesday" ||
		len(got.ScanProfiles) != 1 || !slices.Equal(got.ScanProfiles[0].Paths, []string{"/data"}) {
		t.Errorf("handed out: %+v, %+v", command, got)
	}
	result := wire.CommandResult{At: time.Now(), OK: true, Code: wire.ResultDone, Detail: "edition 1 is in force"}
	if status, p := c.call(http.MethodPost, wire.ResultPath(command.ID), result, nil); status != http.StatusNoContent {
		t.Fatalf("the result: %d %+v", status, p)
	}
	applied := func() (a device.Configuration) {
		err := commands.Inspect(t.Context(), b.h, device.Stream(tenant, domain.DeviceID(c.cred.DeviceID)), func(s device.State, _ eventstore.Revision) { a = s.Applied() })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if got := applied(); got != (device.Configuration{Profile: "p1", Edition: 1}) {
		t.Errorf("applied %+v", got)
	}
	for _, says := range []struct {
		applied *wire.Applied
		want    device.Configuration
	}{
		{nil, device.Configuration{Profile: "p1", Edition: 1}}, // a client that knows nothing of profiles
		{&wire.Applied{Profile: "p1", Edition: 2}, device.Configuration{Profile: "p1", Edition: 2}},
		{&wire.Applied{}, device.Configuration{}}, // installed anew
	} {
		r := c.report()
		r.Applied = says.applied
		if status, p := c.call(http.MethodPost, wire.ReportsPath, r, nil); status != http.StatusNoContent {
			t.Fatalf("report: %d %+v", status, p)
		}
		if got := applied(); got != says.want {
			t.Errorf("after %+v, applied is %+v", says.applied, got)
		}
	}
	do(commands.ScanByProfile(t.Context(), b.h, admin(), tenant, domain.DeviceID(c.cred.DeviceID), "data"))
	offered = wire.Commands{}
	c.call(http.MethodGet, wire.CommandsPath+"?wait=1s", nil, &offered)
	if len(offered.Commands) != 1 || offered.Commands[0].Profile != wire.ProfilePath || !slices.Equal(offered.Commands[0].Paths, []string{"/data"}) {
		t.Errorf("an own scan: %+v", offered)
	}
}
