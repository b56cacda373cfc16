package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/devicelog"
	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/engine/enginetest"
	"avportal/cmd/avagent/portaltest"
	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is an agent with the built-in engine, a root of its own, and a portal.
type device struct {
	*agent.Agent
	t      *testing.T
	portal *portaltest.Portal
	dir    *state.Dir
	root   string
	db     string
	source string // of signatures; empty: none
}

func newDevice(t *testing.T) *device {
	t.Helper()
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, portal: portaltest.Start(t), dir: dir, root: t.TempDir(), db: enginetest.Database(t)}
	d.Agent = d.start(0)
	return d
}

func (d *device) start(interval time.Duration) *agent.Agent {
	log := io.Discard
	if testing.Verbose() {
		log = d.t.Output()
	}
	return agent.New(agent.Config{
		Dir: d.dir, Engine: &engine.Builtin{Database: d.db}, Source: engine.Source{URL: d.source, Database: d.db},
		Roots: []string{d.root}, Interval: interval, Version: "v0.0.0-test", Log: slog.New(slog.NewTextHandler(log, nil)),
		Logs: []devicelog.Source{{Title: "agent", Pattern: filepath.Join(d.dir.Path(), "*.log")}},
	})
}

func (d *device) enroll() state.Identity {
	d.t.Helper()
	id, err := d.Enroll(d.t.Context(), agent.Enrollment{Server: d.portal.URL(), TID: portaltest.TID})
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// run runs the agent until the returned function is called, which returns what Run returned.
func (d *device) run() (stop func() error) {
	ctx, cancel := context.WithCancel(d.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	var err error
	stopped := false
	stop = func() error {
		if !stopped {
			cancel()
			err, stopped = <-ended, true
		}
		return err
	}
	d.t.Cleanup(func() { _ = stop() })
	return stop
}

func (d *device) infect(name string) string {
	d.t.Helper()
	path := filepath.Join(d.root, name)
	if err := os.WriteFile(path, enginetest.Eicar(), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *device) status() agent.Status {
	d.t.Helper()
	s, err := agent.ReadStatus(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *device) command(id, kind, profile string, paths ...string) {
	d.portal.Offer(wire.Command{ID: id, Kind: kind, Profile: profile, Paths: paths, ExpiresAt: time.Now().Add(time.Hour)})
}

// result waits for the result of a command.
func (d *device) result(id string) (r wire.CommandResult) {
	d.t.Helper()
	d.portal.Wait("result of "+id, func() bool { _, ok := d.portal.Results[id]; return ok })
	d.portal.View(func() { r = d.portal.Results[id] })
	return r
}

func TestADeviceIsInfectedAndHealthyAgain(t *testing.T) {
	d := newDevice(t)
	id := d.enroll()
	d.run()
	d.portal.Wait("first report", func() bool { return len(d.portal.Reports) == 1 })
	d.portal.View(func() {
		r := d.portal.Reports[0]
		f := r.Facts
		if f.Hostname == "" || f.OS == "" || f.OSVersion == "" || f.Arch == "" || f.IP != "127.0.0.1" || f.ClientVersion != "v0.0.0-test" ||
			f.Engine != wire.EngineBuiltin || f.EngineVersion == "" || f.SignatureVersion == "" || f.SignatureDate == nil {
			t.Errorf("facts %+v", f)
		}
		if !r.Guards[wire.GuardEngine] || !r.ThreatsComplete || len(r.Threats) != 0 || r.LastScan != nil {
			t.Errorf("first report %+v", r)
		}
	})

	path := d.infect("evil.exe")
	d.command("c1", wire.KindScan, wire.ProfileFull)
	r := d.result("c1")
	if !r.OK || r.Code != wire.ResultDone || len(r.Threats) != 1 || r.Scan == nil || r.Scan.CommandID != "c1" || r.Scan.Infected != 1 {
		t.Fatalf("result %+v, scan %+v", r, r.Scan)
	}
	if th := r.Threats[0]; th.Path != path || th.Name != enginetest.Name || th.Resolved || th.Action != wire.ActionNone {
		t.Fatalf("threat %+v", th)
	}
	d.portal.Wait("report after the scan", func() bool { return len(d.portal.Reports) == 2 })
	d.portal.View(func() {
		report := d.portal.Reports[1]
		if len(report.Threats) != 1 || report.Threats[0].ID != r.Threats[0].ID || report.LastScan == nil || report.LastScan.CommandID != "c1" {
			t.Errorf("report after the scan: %+v", report)
		}
		if _, ok := d.portal.Started["c1"]; !ok || len(d.portal.Open) != 1 {
			t.Errorf("started %v, open %v", d.portal.Started, d.portal.Open)
		}
		order := slices.DeleteFunc(slices.Clone(d.portal.Requests), func(s string) bool { return strings.HasPrefix(s, "GET") })
		want := []string{"POST /agent/v1/enroll", "POST /agent/v1/reports", "POST /agent/v1/commands/c1/started", "POST /agent/v1/commands/c1/result", "POST /agent/v1/reports"}
		if !slices.Equal(order, want) {
			t.Errorf("calls %v", order)
		}
	})

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.command("c2", wire.KindScan, wire.ProfilePath, path)
	if r2 := d.result("c2"); !r2.OK || len(r2.Threats) != 1 || !r2.Threats[0].Resolved || r2.Threats[0].ID != r.Threats[0].ID {
		t.Fatalf("rescan: %+v", r2)
	}
	d.portal.Wait("healthy again", func() bool { return len(d.portal.Open) == 0 })
	if s := d.status(); s.Enrollment != "enrolled" || !s.Running || s.DeviceID != id.DeviceID || len(s.OpenThreats) != 0 || s.LastContact.IsZero() || s.Problem != "" {
		t.Errorf("status %+v", s)
	}
}

func TestAnUpdateIsExecuted(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	d.run()
	if err := os.WriteFile(filepath.Join(d.db, "more.ndb"), []byte("Portal.Test.New:0:*:6e6577\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.command("c1", wire.KindUpdate, "")
	if r := d.result("c1"); !r.OK || r.SignatureVersion == "" || r.SignatureDate == nil {
		t.Fatalf("update: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(d.db, "more.ndb"), []byte("junk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.command("c2", wire.KindUpdate, "")
	if r := d.result("c2"); r.OK || r.Code != wire.ResultFailed || !strings.Contains(r.Detail, "line 1") {
		t.Fatalf("update to a damaged database: %+v", r)
	}
}

func TestOnlyWhatIsAllowedIsDone(t *testing.T) {
	d := newDevice(t)
	outside := t.TempDir()
	if err := errors.Join(
		os.WriteFile(filepath.Join(outside, "evil"), enginetest.Eicar(), 0o644),
		os.Symlink(outside, filepath.Join(d.root, "way-out")),
	); err != nil {
		t.Fatal(err)
	}
	d.enroll()
	soon := time.Now().Add(time.Hour)
	cases := []struct {
		wire.Command
		code string
	}{
		{wire.Command{Kind: "shell", Paths: []string{"rm -rf /"}, ExpiresAt: soon}, wire.ResultUnknownKind},
		{wire.Command{Kind: "", ExpiresAt: soon}, wire.ResultUnknownKind},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{outside}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root, "/"}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root + "/../x"}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root + "x"}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root + "/way-out/evil"}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root + "/way-out/missing"}, ExpiresAt: soon}, wire.ResultNotAllowed},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{"evil"}, ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{"-rf"}, ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root + "/a\x00b"}, ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfileFull, Paths: []string{d.root}, ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: "everything", ExpiresAt: soon}, wire.ResultInvalid},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfileFull, ExpiresAt: time.Now().Add(-time.Second)}, wire.ResultExpired},
		{wire.Command{Kind: wire.KindUpdate}, wire.ResultExpired},
		{wire.Command{Kind: wire.KindScan, Profile: wire.ProfilePath, Paths: []string{d.root}, ExpiresAt: soon}, wire.ResultDone},
	}
	for i := range cases {
		cases[i].ID = fmt.Sprint("c", i)
		d.portal.Offer(cases[i].Command)
	}
	d.run()
	for _, c := range cases {
		r := d.result(c.ID)
		if r.Code != c.code || r.OK != (c.code == wire.ResultDone) || r.Detail == "" {
			t.Errorf("%+v: %+v, want %s", c.Command, r, c.code)
		}
		d.portal.View(func() {
			if _, started := d.portal.Started[c.ID]; started != r.OK {
				t.Errorf("%+v: started %v", c.Command, started)
			}
			if len(d.portal.Open) != 0 {
				t.Errorf("%+v: scanned outside the roots: %v", c.Command, d.portal.Open)
			}
		})
	}
}

func TestReportsOnlyWhenThereIsSomethingToSay(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	report := func(a *agent.Agent, want bool, when string) {
		t.Helper()
		if queued, err := a.Report(t.Context()); err != nil || queued != want {
			t.Fatalf("%s: queued %v, %v; want %v", when, queued, err, want)
		}
	}
	hourly, always := d.start(time.Hour), d.start(time.Nanosecond)
	report(hourly, true, "first")
	report(hourly, false, "unchanged")
	report(always, false, "interval passed, but the last one is still in the queue")
	if err := os.WriteFile(filepath.Join(d.db, "portal.ndb"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	report(d.start(time.Hour), true, "engine without signatures")
	if err := os.WriteFile(filepath.Join(d.db, "portal.ndb"), []byte(enginetest.Line(enginetest.Name)), 0o644); err != nil {
		t.Fatal(err)
	}
	report(d.start(time.Hour), true, "engine well again")
	stop := d.run()
	d.portal.Wait("three reports", func() bool { return len(d.portal.Reports) == 3 })
	d.portal.View(func() {
		if g := d.portal.Reports[1].Guards; g[wire.GuardEngine] {
			t.Errorf("guards without signatures: %v", g)
		}
	})
	d.waitForEmptyQueue()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	report(always, true, "interval passed")
}

func (d *device) waitForEmptyQueue() {
	d.t.Helper()
	for until := time.Now().Add(time.Minute); d.status().Queue.Entries > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			d.t.Fatalf("queue after a minute: %+v", d.status().Queue)
		}
	}
}

func TestOnlyWhatWasLookedAtIsResolved(t *testing.T) {
	d := newDevice(t)
	kept, cured, grown := d.infect("kept"), d.infect("cured"), d.infect("grown")
	if _, threats, err := d.Scan(t.Context(), wire.ProfileFull, nil); err != nil || len(threats) != 3 {
		t.Fatalf("first scan: %+v, %v", threats, err)
	}
	// One is cured, one cannot be judged any more, and a scan elsewhere proves nothing about them.
	if err := errors.Join(os.WriteFile(cured, []byte("harmless"), 0o644), os.Truncate(grown, engine.MaxFileSize+1)); err != nil {
		t.Fatal(err)
	}
	if _, threats, err := d.Scan(t.Context(), wire.ProfilePath, []string{t.TempDir()}); err != nil || len(threats) != 0 {
		t.Fatalf("scan elsewhere: %+v, %v", threats, err)
	}
	scanned, threats, err := d.Scan(t.Context(), wire.ProfileFull, nil)
	if err != nil || scanned.Errors != 1 || len(threats) != 2 {
		t.Fatalf("second scan: %+v, %+v, %v", scanned, threats, err)
	}
	open := map[string]bool{}
	for _, th := range d.status().OpenThreats {
		open[th.Path] = true
	}
	if len(open) != 2 || !open[kept] || !open[grown] {
		t.Errorf("open at the end: %v, want %s and %s", open, kept, grown)
	}
	if err := os.WriteFile(filepath.Join(d.db, "portal.ndb"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	failed, threats, err := d.start(0).Scan(t.Context(), wire.ProfileFull, nil)
	if err == nil || failed.Outcome != wire.OutcomeFailed || len(threats) != 0 || len(d.status().OpenThreats) != 2 {
		t.Errorf("a scan without signatures: %+v, %+v, %v", failed, threats, err)
	}
}
