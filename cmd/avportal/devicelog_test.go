package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// do sends a request with a token and gives the answer's status and body.
func (d *devProcess) do(token, method, path, body string) (int, []byte) {
	d.Helper()
	rq, err := http.NewRequestWithContext(d.Context(), method, d.run.URL+path, bytes.NewBufferString(body))
	if err != nil {
		d.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+token)
	rq.Header.Set("Idempotency-Key", uuid.NewString())
	if body != "" {
		rq.Header.Set("Content-Type", "application/json")
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		d.Fatal(err)
	}
	defer rs.Body.Close()
	content, err := io.ReadAll(rs.Body)
	if err != nil {
		d.Fatal(err)
	}
	return rs.StatusCode, content
}

// A real agent hands in its real log once the customer has consented; when he withdraws, it is gone.
func TestTheLogOfADeviceOnRequest(t *testing.T) {
	d := startDev(t, t.TempDir())
	var device struct {
		Device struct{ Customer struct{ ID string } }
	}
	out, err := exec.CommandContext(t.Context(), binary(t, "avagent"), "status", "--json", "--state", filepath.Join(d.data, "agent", "state")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var agent struct {
		Device string `json:"device_id"`
	}
	if err := json.Unmarshal(out, &agent); err != nil || agent.Device == "" {
		t.Fatalf("the agent's status: %v in %s", err, out)
	}
	id := agent.Device
	d.json("/api/v1/devices/"+id, &device)
	consent := "/api/v1/customers/" + device.Device.Customer.ID + "/log-consent"
	if status, body := d.do(d.run.Token, "POST", "/api/v1/devices/"+id+"/log", ""); status != http.StatusConflict || !strings.Contains(string(body), "no_log_consent") {
		t.Fatalf("without consent: %d %s", status, body)
	}
	var made struct{ Secret string }
	_, body := d.do(d.run.Token, "POST", "/api/v1/tokens", `{"name": "Kunde", "role": "customer_admin", "customer": "`+device.Device.Customer.ID+`"}`)
	if err := json.Unmarshal(body, &made); err != nil {
		t.Fatal(err)
	}
	owner := made.Secret
	if status, body := d.do(owner, "PUT", consent, `{"allowed": true}`); status != http.StatusOK {
		t.Fatalf("consent: %d %s", status, body)
	}
	if status, body := d.do(d.run.Token, "POST", "/api/v1/devices/"+id+"/log", ""); status != http.StatusAccepted {
		t.Fatalf("asked: %d %s", status, body)
	}
	var logs struct{ Items []struct{ ID string } }
	d.eventually("the log is there", func() bool {
		d.json("/api/v1/devices/"+id+"/logs", &logs)
		return len(logs.Items) == 1
	})
	file := "/api/v1/devices/" + id + "/logs/" + logs.Items[0].ID
	_, content := d.do(d.run.Token, "GET", file, "")
	zipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(zipped); err != nil || !strings.Contains(string(text), "msg=running") {
		t.Errorf("the log: %.300q, %v", text, err)
	}
	if status, body := d.do(owner, "PUT", consent, `{"allowed": false}`); status != http.StatusOK {
		t.Fatalf("consent withdrawn: %d %s", status, body)
	}
	d.eventually("the log is gone", func() bool {
		status, _ := d.do(d.run.Token, "GET", file, "")
		return status == http.StatusNotFound
	})
	d.stop()
}
