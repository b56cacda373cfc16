package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"avportal/domain/catalog"
	"avportal/domain/customer"
	"avportal/http/history"
)

// auditTool runs `avportal audit` in a process of its own.
func auditTool(t *testing.T, env []string, args ...string) (out, problems string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "avportal"), append([]string{"audit"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), env...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// An auditor saves the whole history, goes on with it a day later, and folds what he has saved without the portal.
func TestAuditorsTools(t *testing.T) {
	d := startDev(t, t.TempDir())
	env := []string{"AVPORTAL_TOKEN=" + d.run.Token}
	file := filepath.Join(t.TempDir(), "history.ndjson")
	out, problems, code := auditTool(t, env, "export", "--url", d.run.URL, "--file", file, "--json")
	if code != 0 {
		t.Fatalf("export: %d %s", code, problems)
	}
	var first struct{ Result auditExported }
	if err := json.Unmarshal([]byte(out), &first); err != nil || first.Result.Events < 50 {
		t.Fatalf("export says %s, %v", out, err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	// Interrupted in the middle of a line, the file is completed, byte by byte the same.
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, code = auditTool(t, env, "export", "--data", d.data, "--file", file); code != 0 {
		t.Fatalf("export again: %d %s", code, problems)
	}
	again, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(again, whole) {
		t.Errorf("the completed file differs, %v", err)
	}

	// Every event decodes, and an aggregate folds to what the API says.
	var device, customerID string
	for l, err := range history.Read(bytes.NewReader(whole)) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := catalog.Registry().Decode(l.Type, l.Version, l.Data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := e.(customer.Imported); ok {
			customerID = string(c.Customer)
		}
		if l.Type == "device.enrolled" {
			_, device, _ = strings.Cut(l.Stream, "-device-")
		}
	}
	out, problems, code = auditTool(t, nil, "replay", "customer", customerID, "--file", file)
	if code != 0 || !strings.Contains(out, "customer.imported") || !strings.Contains(out, "+ /name = ") {
		t.Errorf("replay: %d %s\n%s", code, out, problems)
	}
	out, problems, code = auditTool(t, nil, "replay", "device", device, "--file", file, "--json", "--to", time.Now().Format(time.RFC3339Nano)) // the whole second may end before the device came
	step, _, _ := strings.Cut(out, "\n")
	var s auditStep
	if err := json.Unmarshal([]byte(step), &s); err != nil || code != 0 || s.State["exists"] != "true" || s.State["place"] == nil {
		t.Errorf("replay of a device: %d %v %s %s", code, err, step, problems)
	}

	// What goes wrong says what, by its exit code too.
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "none of the device nobody", []string{"replay", "device", "nobody", "--file", file}},
		{1, "there is no kind", []string{"replay", "moon", "x", "--file", file}},
		{1, "a kind and an id", []string{"replay", "device", "--file", file}},
		{1, "--to is a time", []string{"replay", "--file", file, "--to", "yesterday"}},
		{1, "no such file", []string{"replay", "--file", file + "x"}},
		{1, "this is no history", []string{"export", "--data", d.data, "--file", runFilePath(d.data)}},
	} {
		if _, problems, code := auditTool(t, nil, c.args...); code != c.code || !strings.Contains(problems, c.says) {
			t.Errorf("%v: %d %s", c.args, code, problems)
		}
	}
	if _, problems, code := auditTool(t, []string{"AVPORTAL_TOKEN=avp_wrong"}, "export", "--url", d.run.URL, "--file", file); code != 1 || !strings.Contains(problems, "the portal refuses") {
		t.Errorf("with a wrong token: %d %s", code, problems)
	}
}

// Each kind of aggregate can be folded.
func TestEveryKindIsFolded(t *testing.T) {
	for _, d := range catalog.Registry().Declarations() {
		kind, _, _ := strings.Cut(d.Type, ".")
		found := kind == "platform" // its events concern the installation
		for k := range folds {
			found = found || string(k) == kind
		}
		if !found {
			t.Errorf("the aggregate of %s can't be replayed: add it to folds", d.Type)
		}
	}
}
