package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/cmd/internal/portal"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections/postgres/postgrestest"
)

// projectionsTool runs `avportal projections` in a process of its own and gives its output and exit code.
func projectionsTool(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "avportal"), append([]string{"projections"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("%v: %s", args, stderr.String())
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

func viewStates(t *testing.T, args ...string) map[string]viewStatus {
	t.Helper()
	out, _ := projectionsTool(t, append([]string{"status", "--json"}, args...)...)
	states := map[string]viewStatus{}
	for line := range strings.Lines(out) {
		if strings.Contains(line, `"policy":`) {
			continue
		}
		var s viewStatus
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		states[s.View] = s
	}
	return states
}

// Rebuilds are killed at random points of their way while the portal is read: no read fails, and in the end each view is its
// rebuild. Then the other commands, as an operator would use them.
func TestRebuildsAreKilledWhileThePortalIsRead(t *testing.T) {
	data := t.TempDir()
	d := startDev(t, data, "--no-agent")
	in := []string{"--data", data}

	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	var reads atomic.Int64
	for _, path := range []string{"/api/v1/dashboard", "/api/v1/devices?limit=5", "/api/v1/licenses"} {
		reading.Go(func() {
			for ctx.Err() == nil {
				rq, _ := http.NewRequestWithContext(ctx, http.MethodGet, d.run.URL+path, nil)
				rq.Header.Set("Authorization", "Bearer "+d.run.Token)
				rs, err := http.DefaultClient.Do(rq)
				if ctx.Err() != nil {
					return
				}
				if err != nil || rs.StatusCode != http.StatusOK {
					t.Errorf("read of %s failed: %v %v", path, rs, err)
					return
				}
				rs.Body.Close()
				reads.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for range kills(t, 8) {
		cmd := exec.Command(binary(t, "avportal"), "projections", "rebuild", "--data", data)
		cmd.SysProcAttr = childAttributes()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+rand.IntN(600)) * time.Millisecond)
		_ = cmd.Process.Kill() // or it was done already
		_ = cmd.Wait()
	}
	if out, code := projectionsTool(t, append(in, "rebuild", "--parallel", "4", "--json")...); code != 0 || strings.Count(out, `"ok":true`) != len(portal.Views()) {
		t.Errorf("rebuild: exit code %d\n%s", code, out)
	}
	if out, code := projectionsTool(t, append(in, "verify")...); code != 0 {
		t.Errorf("verify: exit code %d\n%s", code, out)
	}
	if out, code := projectionsTool(t, append(in, "rollback", "devices", "licenses")...); code != 0 {
		t.Errorf("rollback: exit code %d\n%s", code, out)
	}
	if out, code := projectionsTool(t, append(in, "verify", "devices", "licenses")...); code != 0 {
		t.Errorf("verify after the rollback: exit code %d\n%s", code, out)
	}
	stop()
	reading.Wait()
	t.Logf("%d reads", reads.Load())
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
	out, code := projectionsTool(t, append(in, "as-of", "--at", time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339), "--json")...)
	if code != 0 || !strings.Contains(out, `"ready":true`) {
		t.Errorf("as-of: exit code %d\n%s", code, out)
	}
	if out, code := projectionsTool(t, append(in, "list")...); code != 0 || !strings.Contains(out, "devices_prev") || !strings.Contains(out, "asof") || strings.Contains(out, "devices_next") {
		t.Errorf("list: exit code %d\n%s", code, out)
	}
	if _, code := projectionsTool(t, append(in, "drop", "devices")...); code != 1 {
		t.Errorf("drop of what is live: exit code %d", code)
	}
	if out, code := projectionsTool(t, append(in, "drop", "devices_prev")...); code != 0 {
		t.Errorf("drop: exit code %d\n%s", code, out)
	}
	if _, code := projectionsTool(t, append(in, "quarantine", "devices", "--event", uuid.NewString(), "--reason", "none")...); code != 1 {
		t.Errorf("quarantine of a view that goes on: exit code %d", code)
	}
	d.pausesAndResumes(in)
	d.findsTampering(in)
	d.stop()
}

func (d *devProcess) pausesAndResumes(in []string) {
	d.Helper()
	if _, code := projectionsTool(d.T, append(in, "pause", "licenses")...); code != 0 {
		d.Errorf("pause: exit code %d", code)
	}
	if s := viewStates(d.T, in...)["licenses"]; s.State != "paused" {
		d.Errorf("%+v", s)
	}
	if _, code := projectionsTool(d.T, append(in, "resume", "licenses")...); code != 0 {
		d.Errorf("resume: exit code %d", code)
	}
	for _, s := range viewStates(d.T, in...) {
		if s.State == "paused" || s.Events == 0 || s.Events != s.Applied+s.Quarantined {
			d.Errorf("%+v", s)
		}
	}
}

func (d *devProcess) findsTampering(in []string) {
	d.Helper()
	db, err := pgx.Connect(d.Context(), d.run.Postgres)
	if err != nil {
		d.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(d.Context()))
	if _, err := db.Exec(d.Context(), `UPDATE licenses.customer SET name = 'tampered' WHERE ctid = (SELECT min(ctid) FROM licenses.customer)`); err != nil {
		d.Fatal(err)
	}
	if out, code := projectionsTool(d.T, append(in, "verify", "licenses", "--json")...); code != differs || !strings.Contains(out, "tampered") {
		d.Errorf("verify of what was tampered with: exit code %d\n%s", code, out)
	}
	if s := viewStates(d.T, in...)["licenses"]; !strings.Contains(s.Differs, "tampered") {
		d.Errorf("%+v", s)
	}
}

// serving is `avportal serve` in a process of its own, on a log and a Postgres that it shares.
func serving(t *testing.T, log, postgres string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary(t, "avportal"), "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--eventstore-url", log, "--postgres-url", postgres)
	cmd.SysProcAttr = childAttributes()
	cmd.Stderr = testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

// Of two portals on one log, the one that works is frozen. The other takes over, and when the first wakes
// up, nothing is applied twice.
func TestAFrozenPortalIsTakenOver(t *testing.T) {
	server, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the portals have gone, or it would wait for one that is frozen
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := esdb.Open(esdb.Config{ConnectionString: server.ConnectionString(), Registry: catalog.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close(context.WithoutCancel(t.Context())) }()
	postgres := postgrestest.URL(t)
	in := []string{"--eventstore-url", server.ConnectionString(), "--postgres-url", postgres}
	written := 0
	register := func() {
		t.Helper()
		tenant := domain.Tenant(strings.ReplaceAll(uuid.NewString(), "-", ""))
		event := reseller.Registered{Tenant: tenant, Name: fmt.Sprint("Reseller ", written), Language: reseller.German}
		if _, err := store.Append(t.Context(), reseller.Stream(tenant), eventstore.NoStream, []eventstore.Proposed{{ID: uuid.New(), Event: event}}); err != nil {
			t.Fatal(err)
		}
		written++
	}
	caughtUp := func(within time.Duration) time.Duration {
		t.Helper()
		for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
			behind := viewsNotAt(t, postgres, int64(written))
			took := time.Since(began)
			if behind == 0 {
				return took
			}
			if took > within {
				t.Fatalf("after %v %d views have not applied %d events", took, behind, written)
			}
		}
	}
	register()
	first := serving(t, server.ConnectionString(), postgres)
	caughtUp(time.Minute)
	serving(t, server.ConnectionString(), postgres)
	time.Sleep(3 * time.Second) // the second stands by
	for range 2 {
		if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			register()
		}
		t.Logf("taken over and caught up after %v", caughtUp(10*time.Second))
		if err := first.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			register()
			time.Sleep(20 * time.Millisecond)
		}
		caughtUp(30 * time.Second)
	}
	time.Sleep(time.Second) // whatever the first might still write
	for _, s := range viewStates(t, in...) {
		if s.Events != int64(written) || s.Applied != s.Events || s.State != "up_to_date" {
			t.Errorf("%d events were written: %+v", written, s)
		}
	}
	if out, code := projectionsTool(t, append(in, "verify")...); code != 0 {
		t.Errorf("verify: exit code %d\n%s", code, out)
	}
}

// viewsNotAt counts the views whose live tables have not read exactly so many events.
func viewsNotAt(t *testing.T, postgres string, events int64) (n int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	all := len(portal.Views())
	err = db.QueryRow(t.Context(), `SELECT $2 - count(*) FROM portal.generation WHERE state = 'live' AND events = $1`, events, all).Scan(&n)
	if err != nil {
		return all // the portal is about to make the table
	}
	return n
}

func TestProgressInOneLine(t *testing.T) {
	text, percent := progressText(nil)
	if text != "" || percent != 100 {
		t.Errorf("%q, %d", text, percent)
	}
}
