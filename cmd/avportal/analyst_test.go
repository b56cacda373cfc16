package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool runs avportal beside the portal and gives what it printed.
func (d *devProcess) tool(args ...string) (string, error) {
	d.Helper()
	c := exec.CommandContext(d.Context(), binary(d.T, "avportal"), append(args, "--data", d.data)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (d *devProcess) must(args ...string) string {
	d.Helper()
	out, err := d.tool(args...)
	if err != nil {
		d.Fatalf("avportal %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// An analyst adds the documented view to a portal that runs, asks it, exports it and takes it away again.
func TestAnAnalystsDay(t *testing.T) {
	d := startDev(t, t.TempDir())
	home := t.TempDir()
	if out := d.must("projections", "add", "../../docs/your-own-view/protection"); !strings.Contains(out, "protection is live in version 1") {
		t.Errorf("add: %s", out)
	}
	month := time.Now().UTC().Format("2006-01")
	question := []string{"--param", "from=" + month + "-01", "--param", "until=" + time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly)}
	out := d.must(append([]string{"projections", "query", "protection", "by_customer_and_month"}, question...)...)
	if !strings.Contains(out, "DEVICES_PROTECTED") || !strings.Contains(out, month) {
		t.Errorf("query: %s", out)
	}
	if out := d.must(append([]string{"projections", "query", "protection", "by_customer_and_month", "--json"}, question...)...); !strings.HasPrefix(out, `{"tenant":"`) {
		t.Errorf("query --json: %s", out)
	}
	if out, err := d.tool("projections", "query", "protection", "by_customer_and_month"); err == nil || !strings.Contains(out, "needs a parameter") {
		t.Errorf("a query without its parameters: %v %s", err, out)
	}
	if out := d.must("projections", "verify", "protection"); !strings.Contains(out, "protection equals its rebuild") {
		t.Errorf("verify: %s", out)
	}
	if out := d.must("projections", "as-of", "devices", "--at", "2020-01-01"); !strings.Contains(out, "Nothing had been recorded by then.") {
		t.Errorf("as of a moment before the log: %s", out)
	}
	deadline := time.Now().Add(30 * time.Second)
	for { // the portal notices within a second, and from then on keeps it up
		if _, body := d.get("/readyz"); bytes.Contains(body, []byte(`"protection"`)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the portal does not run the view")
		}
		time.Sleep(50 * time.Millisecond)
	}

	for name, args := range map[string][]string{
		"devices.parquet": {"--view", "devices", "--table", "device", "--format", "parquet"},
		"all.sqlite":      {"--view", "protection", "--format", "sqlite"},
		"report.csv":      append([]string{"--view", "protection", "--query", "by_customer_and_month", "--format", "csv"}, question...),
	} {
		file := filepath.Join(home, name)
		if out := d.must(append([]string{"export", "--to", file}, args...)...); !strings.Contains(out, " rows") {
			t.Errorf("export: %s", out)
		}
		content, err := os.ReadFile(file)
		magic := map[string]string{"devices.parquet": "PAR1", "all.sqlite": "SQLite format 3", "report.csv": "tenant,customer,month,devices_protected,"}[name]
		if err != nil || !strings.HasPrefix(string(content), magic) || len(content) < 200 {
			t.Errorf("%s begins with %.40q (%v)", name, content, err)
		}
		if out, err := d.tool(append([]string{"export", "--to", file}, args...)...); err == nil || !strings.Contains(out, "--force") {
			t.Errorf("%s was overwritten: %v %s", name, err, out)
		}
	}
	d.must("export", "--view", "licenses", "--to", home)
	if files, err := filepath.Glob(filepath.Join(home, "*.csv")); err != nil || len(files) < 3 {
		t.Errorf("a directory got %v (%v)", files, err)
	}
	if left, err := filepath.Glob(filepath.Join(home, "*.part-*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}

	if out := d.must("projections", "remove", "protection"); !strings.Contains(out, "removed") {
		t.Errorf("remove: %s", out)
	}
	if out, err := d.tool("projections", "query", "protection", "infected_now"); err == nil || !strings.Contains(out, "no such view") {
		t.Errorf("a query of what is gone: %v %s", err, out)
	}
}
