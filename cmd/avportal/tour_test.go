package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var tourBlock = regexp.MustCompile("(?s)<!-- tour -->\n```sh\n(.*?)```")

// The README's tour works when it is pasted: its blocks are run, one after the other, beside `avportal dev`.
func TestTheTourOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := tourBlock.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 5 {
		t.Fatalf("the tour has %d blocks", len(blocks))
	}
	home := t.TempDir()
	d := startDev(t, filepath.Join(home, ".avportal"))
	if err := os.Symlink(filepath.Dir(binary(t, "avportal")), filepath.Join(home, "bin")); err != nil {
		t.Fatal(err)
	}
	script := "set -eu\n"
	for _, b := range blocks {
		script += b[1]
	}
	sh := exec.CommandContext(t.Context(), "sh", "-c", script)
	sh.Dir = home
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour breaks off: %v\n%s", err, out)
	}
	for _, want := range []string{
		`"role":"reseller_admin"`, `"infected_devices"`, "Eicar-Test-Signature", "device.scan", "device.threat_found",
		"enrolled       200", "devices equals its rebuild", "dashboard equals its rebuild",
	} {
		if !strings.Contains(strings.ReplaceAll(string(out), `": "`, `":"`), want) {
			t.Errorf("the tour never shows %s\n%s", want, out)
		}
	}
	d.checkMetrics()
}

// checkMetrics looks for each metric that the dashboards and alerts of deploy/ name in what the portal exposes.
func (d *devProcess) checkMetrics() {
	d.Helper()
	var named []string
	for _, file := range []string{"../../deploy/grafana/dashboards/avportal.json", "../../deploy/prometheus/alerts.yml"} {
		content, err := os.ReadFile(file)
		if err != nil {
			d.Fatal(err)
		}
		named = append(named, regexp.MustCompile(`\b(avportal|go|process)_[a-z0-9_]+`).FindAllString(string(content), -1)...)
	}
	if len(named) < 10 {
		d.Errorf("only %d metrics are named", len(named))
	}
	status, exposed := d.get("/metrics")
	if status != 200 {
		d.Fatalf("/metrics: %d", status)
	}
	for _, m := range named {
		if !regexp.MustCompile(`(?m)^` + m + `[{ ]`).Match(exposed) {
			d.Errorf("metric %s is on a dashboard and not in /metrics", m)
		}
	}
}
