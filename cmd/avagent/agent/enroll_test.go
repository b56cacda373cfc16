package agent_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/portaltest"
	"avportal/http/agent/wire"
)

func TestARemovedDeviceStopsAndMayComeBackAsAnother(t *testing.T) {
	d := newDevice(t)
	before := d.enroll()
	d.infect("evil")
	if _, _, err := d.Scan(t.Context(), wire.ProfileFull, nil); err != nil {
		t.Fatal(err)
	}
	d.portal.Faults(func(*http.Request) portaltest.Fault { return portaltest.Gone })
	for i := range 2 { // and it stays away
		if err := d.Run(t.Context()); !errors.Is(err, agent.ErrRemoved) {
			t.Fatalf("run %d: %v, want ErrRemoved", i, err)
		}
	}
	if s := d.status(); s.Enrollment != "removed" || s.Queue.Entries != 0 || len(s.OpenThreats) != 1 {
		t.Fatalf("status %+v", s)
	}
	d.portal.Faults(nil)
	d.portal.Remove()
	after := d.enroll()
	if after.GUID != before.GUID || after.DeviceID == before.DeviceID || bytes.Equal(after.Secret, before.Secret) {
		t.Errorf("came back as %+v", after)
	}
	d.run()
	d.portal.Wait("the threat, told anew", func() bool { return len(d.portal.Open) == 1 })
}

func TestEnrollmentCanBeRepeatedAndCompletedLater(t *testing.T) {
	d := newDevice(t)
	lost := true
	d.portal.Faults(func(*http.Request) portaltest.Fault {
		if lost {
			lost = false
			return portaltest.Lost
		}
		return portaltest.None
	})
	if _, err := d.Enroll(t.Context(), agent.Enrollment{Server: d.portal.URL(), TID: portaltest.TID}); !errors.Is(err, agent.ErrPending) {
		t.Fatalf("answer lost: %v, want ErrPending", err)
	}
	if s := d.status(); s.Enrollment != "pending" {
		t.Fatalf("status %+v", s)
	}
	d.run()
	d.portal.Wait("first report", func() bool { return len(d.portal.Reports) == 1 })
	if id := d.enroll(); id.DeviceID != "device-1" { // while it runs
		t.Errorf("enrolled again as %s", id.DeviceID)
	}
	d.portal.View(func() {
		if len(d.portal.Devices) != 1 {
			t.Errorf("devices %v, want one", d.portal.Devices)
		}
	})
	if _, err := d.Enroll(t.Context(), agent.Enrollment{Server: "https://other.example.com", TID: "x"}); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("another portal without force: %v", err)
	}
}

func TestARefusedEnrollmentLeavesNothingPending(t *testing.T) {
	d := newDevice(t)
	if _, err := d.Enroll(t.Context(), agent.Enrollment{Server: d.portal.URL(), TID: "wrong"}); err == nil || !strings.Contains(err.Error(), wire.CodeUnknownTID) {
		t.Fatalf("wrong TID: %v", err)
	}
	if s := d.status(); s.Enrollment != "none" {
		t.Errorf("status %+v", s)
	}
	if err := d.Run(t.Context()); !errors.Is(err, agent.ErrNotEnrolled) {
		t.Errorf("run: %v", err)
	}
	d.enroll()
	if _, err := d.Enroll(t.Context(), agent.Enrollment{Server: d.portal.URL(), TID: "wrong"}); err == nil {
		t.Error("a wrong TID was accepted from an enrolled device")
	}
	if s := d.status(); s.Enrollment != "enrolled" {
		t.Errorf("after a refused repetition: %+v", s)
	}
}
