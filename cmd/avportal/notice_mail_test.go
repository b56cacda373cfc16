package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A device with a real ClamAV meets a virus; whom its configuration profile names is mailed so once, though the portal is killed when
// the device has told of it, and again when the mail has gone out.
func TestAnInfectionIsMailed(t *testing.T) {
	if _, err := exec.LookPath("clamscan"); err != nil {
		t.Skip("NOT CHECKED: ClamAV is not installed; `make test` installs it where it may")
	}
	const anna = "anna@kunde.example"
	box, data := letterbox(t), t.TempDir()
	args := []string{"--no-agent", "--smtp", box.URL(), "--mail-from", "AV Portal <portal@systemhaus.example>"}
	d := startDev(t, data, args...)
	args = append(args, "--listen", strings.TrimPrefix(d.run.URL, "http://"))
	a := startClamAgent(t, d, d.run.SimulationTID)
	a.tells(anna)
	content := `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	if err := os.WriteFile(filepath.Join(a.files, "rechnung.pdf.exe"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	a.scan()
	d.kill()
	d = startDev(t, data, args...)
	if mail := arrived(t, box, anna, 1); !strings.Contains(mail, "Eicar") || !strings.Contains(mail, "rechnung.pdf.exe") {
		t.Errorf("the mail says %s", mail)
	}
	d.kill()
	d = startDev(t, data, args...)
	time.Sleep(3 * time.Second) // another mail would be on its way by now
	if n := to(t, box, anna); n != 1 {
		t.Errorf("%d mails have come", n)
	}
	d.stop()
}

// tells makes the device's group use a profile that names somebody as a recipient.
func (a *clamAgent) tells(address string) {
	a.Helper()
	var details struct {
		Device struct{ Customer, Group struct{ ID string } }
	}
	a.eventually("the device is shown", func() bool {
		status, _ := a.get("/api/v1/devices/" + a.device)
		return status == http.StatusOK
	})
	a.json("/api/v1/devices/"+a.device, &details)
	id, ok := a.send("POST", "/api/v1/profiles", http.StatusCreated, map[string]any{"name": "Told", "owner": details.Device.Customer.ID})["id"].(string)
	if !ok {
		a.Fatal("the new profile has no id")
	}
	var profile struct{ Settings map[string]any }
	a.eventually("the profile is shown", func() bool {
		status, _ := a.get("/api/v1/profiles/" + id)
		return status == http.StatusOK
	})
	a.json("/api/v1/profiles/"+id, &profile)
	profile.Settings["notifications"] = map[string]any{"recipients": []any{map[string]any{"address": address, "kinds": []string{"virus_found"}, "delivery": "instant"}}}
	a.send("PUT", "/api/v1/profiles/"+id+"/settings", http.StatusOK, profile.Settings)
	a.send("PUT", "/api/v1/groups/"+details.Device.Group.ID+"/profile", http.StatusOK, map[string]any{"profile": id})
}
