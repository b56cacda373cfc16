package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A profile turns the realtime guard of a real agent with a real ClamAV on: a virus is found because it was written, without anybody
// asking for a scan.
func TestAVirusIsFoundAsItIsWritten(t *testing.T) {
	if _, err := exec.LookPath("clamscan"); err != nil {
		t.Skip("NOT CHECKED: ClamAV is not installed; `make test` installs it where it may")
	}
	d := startDev(t, t.TempDir(), "--no-agent")
	a := startClamAgent(t, d, d.run.SimulationTID)
	var details struct {
		Device struct {
			Group  struct{ ID string }
			Guards struct{ Realtime, Web string }
		}
	}
	a.json("/api/v1/devices/"+a.device, &details)
	profile := a.post("/api/v1/profiles", map[string]any{"name": "Wache"})
	if status, body := a.do(a.run.Token, "PUT", "/api/v1/groups/"+details.Device.Group.ID+"/profile", `{"profile": "`+profile.ID+`"}`); status != http.StatusOK {
		t.Fatalf("choose the profile: %d %s", status, body)
	}
	if status, body := a.do(a.run.Token, "POST", "/api/v1/devices/"+a.device+"/transmit", ""); status != http.StatusAccepted {
		t.Fatalf("transmit: %d %s", status, body)
	}
	a.eventually("the guard is on, and only what the device has", func() bool {
		a.json("/api/v1/devices/"+a.device, &details)
		return details.Device.Guards.Realtime == "on" && details.Device.Guards.Web == "absent"
	})
	content := `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	eicar := filepath.Join(a.files, "rechnung.pdf.exe")
	if err := os.WriteFile(eicar, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	a.eventually("the device is infected", func() bool { return a.listed("/api/v1/devices?infected=true&limit=200", "items") })
	if err := os.Remove(eicar); err != nil {
		t.Fatal(err)
	}
	a.eventually("the device is healthy", func() bool { return !a.listed("/api/v1/devices?infected=true&limit=200", "items") })
	d.stop()
}
