package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The main job on real things: a device with ClamAV, a virus, and what the portal shows of it. EICAR, the harmless
// test virus, is made at run time in a temporary folder.
func TestAnInfectionIsSeenAndHealed(t *testing.T) {
	if _, err := exec.LookPath("clamscan"); err != nil {
		t.Skip("NOT CHECKED: ClamAV is not installed; `make test` installs it where it may")
	}
	d := startDev(t, t.TempDir(), "--no-agent")
	a := startClamAgent(t, d, d.run.SimulationTID)

	eicar := filepath.Join(a.files, "rechnung.pdf.exe")
	content := `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	if err := os.WriteFile(eicar, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	activity := a.scan()

	// The device is infected on the dashboard, in the device list and in its details, with the right name.
	a.eventually("the dashboard shows the infection", func() bool {
		return a.listed("/api/v1/dashboard", "infected_devices")
	})
	a.eventually("the device list shows the infection", func() bool {
		return a.listed("/api/v1/devices?infected=true&limit=200", "items")
	})
	var details struct {
		Device struct{ Infected bool }
		Open   []struct{ Name, Path string } `json:"open_threats"`
	}
	a.json("/api/v1/devices/"+a.device, &details)
	if !details.Device.Infected || len(details.Open) != 1 || details.Open[0].Path != eicar || !strings.Contains(details.Open[0].Name, "Eicar") {
		t.Errorf("device details: %+v", details)
	}

	// The action log has one activity with a complete timeline.
	var log struct {
		Activity struct {
			Action, State string
			OK            bool
			Actor         struct{ Kind string }
			Device        struct{ ID string }
			EndedAt       string `json:"ended_at"`
		}
		Phases []struct{ Name, State string }
		Events struct{ Items []struct{ Type string } }
	}
	a.json("/api/v1/activities/"+activity, &log)
	if log.Activity.Action != "device.scan" || log.Activity.State != "completed" || !log.Activity.OK || log.Activity.Device.ID != a.device || log.Activity.EndedAt == "" {
		t.Errorf("activity: %+v", log.Activity)
	}
	for _, p := range log.Phases {
		if p.State != "done" {
			t.Errorf("phase %s is %s", p.Name, p.State)
		}
	}
	var types []string
	for _, e := range log.Events.Items {
		if told, ofDevice := strings.CutPrefix(e.Type, "device."); ofDevice { // the portal tells people whenever it comes to it
			types = append(types, told)
		}
	}
	if got := strings.Join(types, " "); len(log.Phases) != 3 || got != "scan_requested request_sent request_started threat_found request_completed" {
		t.Errorf("%d phases, timeline %q", len(log.Phases), got)
	}

	// The file is removed, and a second scan finds the device healthy.
	if err := os.Remove(eicar); err != nil {
		t.Fatal(err)
	}
	a.scan()
	a.eventually("the dashboard shows the device healthy again", func() bool {
		return !a.listed("/api/v1/dashboard", "infected_devices")
	})
	a.eventually("the device list shows the device healthy again", func() bool {
		return !a.listed("/api/v1/devices?infected=true&limit=200", "items")
	})
	a.json("/api/v1/devices/"+a.device, &details)
	if details.Device.Infected || len(details.Open) != 0 {
		t.Errorf("device details after healing: %+v", details)
	}
	d.stop()
}

// clamAgent is a real agent with a real ClamAV that has one signature.
type clamAgent struct {
	*devProcess
	device, files string
}

func startClamAgent(t *testing.T, d *devProcess, tid string, more ...string) *clamAgent {
	t.Helper()
	home := t.TempDir()
	a := &clamAgent{devProcess: d, files: filepath.Join(home, "files")}
	signatures := filepath.Join(home, "signatures")
	for _, dir := range []string{a.files, signatures} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	eicar := `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	signature := "Eicar-Test-Signature:0:0:" + hex.EncodeToString([]byte(eicar)) + "\n"
	if err := os.WriteFile(filepath.Join(signatures, "test.ndb"), []byte(signature), 0o644); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--state", filepath.Join(home, "state"), "--engine", "clamscan", "--database", signatures, "--root", a.files}
	enroll := exec.CommandContext(t.Context(), binary(t, "avagent"), append(append([]string{"enroll", "--json", "--server", d.run.URL, "--tid", tid}, flags...), more...)...)
	out, err := enroll.Output()
	if err != nil {
		t.Fatalf("enroll: %v\n%s", err, out)
	}
	var enrolled struct {
		DeviceID string `json:"device_id"`
	}
	if err := json.Unmarshal(out, &enrolled); err != nil || enrolled.DeviceID == "" {
		t.Fatalf("enroll: %v in %q", err, out)
	}
	a.device = enrolled.DeviceID
	run := exec.Command(binary(t, "avagent"), append([]string{"run", "--interval", "5s"}, flags...)...)
	run.SysProcAttr = childAttributes()
	run.Stdout, run.Stderr = testWriter{t}, testWriter{t}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = run.Wait()
	})
	return a
}

// scan asks for a full scan and waits until the device has answered. It gives the activity's id.
func (a *clamAgent) scan() string {
	a.Helper()
	rq, err := http.NewRequestWithContext(a.Context(), http.MethodPost, a.run.URL+"/api/v1/devices/"+a.device+"/scan", bytes.NewBufferString(`{"profile": "full"}`))
	if err != nil {
		a.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+a.run.Token)
	rq.Header.Set("Content-Type", "application/json")
	rq.Header.Set("Idempotency-Key", uuid.NewString())
	var answer struct{ Request string } // the request and the activity that it begins have one id
	a.eventually("a scan can be requested", func() bool {
		rs, err := http.DefaultClient.Do(rq.Clone(a.Context()))
		if err != nil {
			a.Fatal(err)
		}
		defer rs.Body.Close()
		body, err := io.ReadAll(rs.Body)
		if err != nil || rs.StatusCode >= 300 {
			a.Fatalf("scan: %d %v %s", rs.StatusCode, err, body)
		}
		return json.Unmarshal(body, &answer) == nil && answer.Request != ""
	})
	a.answers(answer.Request)
	return answer.Request
}

// answers waits until the device has done what it was asked for.
func (a *clamAgent) answers(request string) {
	a.Helper()
	a.eventually("the device answers", func() bool {
		var log struct{ Activity struct{ State string } }
		a.json("/api/v1/activities/"+request, &log)
		return log.Activity.State == "completed"
	})
}

// listed reports whether the device stands in a list of an answer.
func (a *clamAgent) listed(path, list string) bool {
	a.Helper()
	var lists map[string]json.RawMessage
	a.json(path, &lists)
	var items []struct{ ID string }
	if err := json.Unmarshal(lists[list], &items); err != nil {
		a.Fatalf("%s: %v", path, err)
	}
	for _, i := range items {
		if i.ID == a.device {
			return true
		}
	}
	return false
}

func (d *devProcess) json(path string, into any) {
	d.Helper()
	status, body := d.get(path)
	if status != http.StatusOK {
		d.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		d.Fatalf("%s: %v in %s", path, err, body)
	}
}

func (d *devProcess) eventually(what string, ok func() bool) {
	d.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("after a minute it is still not so: %s", what)
		}
	}
}
