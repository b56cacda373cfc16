package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"avportal/cmd/internal/fleet"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/http/agent/wire"
)

// kills is how often a crash test kills what it tests: AVPORTAL_KILLS, or a number that fits an ordinary test run. Together they
// are twenty, and a thousand in the long version.
func kills(t *testing.T, ordinary int) int {
	if n, err := strconv.Atoi(os.Getenv("AVPORTAL_KILLS")); err == nil {
		return n
	}
	if os.Getenv("AVPORTAL_TORTURE") != "" {
		return 50 * ordinary
	}
	return ordinary
}

// acknowledged collects what the portal has told devices that it has recorded.
type acknowledged struct {
	mu      sync.Mutex
	devices map[string]bool // device ids
	threats map[string]bool // ids of threats told as found
}

// await waits until so many of each have been acknowledged, but not for ever.
func (a *acknowledged) await(n int, patience time.Duration) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		a.mu.Lock()
		enough := len(a.devices) >= n && len(a.threats) >= n
		a.mu.Unlock()
		if enough {
			return
		}
	}
}

func (a *acknowledged) enrolled(_, deviceID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.devices[deviceID] = true
}

func (a *acknowledged) reported(_ string, r wire.Report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range r.Threats {
		a.threats[t.ID] = true
	}
}

// The whole portal (HTTP, commands, event store, Postgres) is killed again and again under load. Afterwards everything
// that was acknowledged stands in the log exactly once, and each view equals its rebuild.
func TestKill(t *testing.T) {
	data := t.TempDir()
	d := startDev(t, data, "--no-agent")
	ack := &acknowledged{devices: map[string]bool{}, threats: map[string]bool{}}
	address := d.run.URL[len("http://"):]
	restart := func() { d = startDev(t, data, "--no-agent", "--listen", address) }

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	finished := make(chan error, 1)
	go func() {
		_, err := fleet.Run(ctx, fleet.Config{
			URL: d.run.URL, TIDs: []string{d.run.SimulationTID}, Devices: 400, Span: 3000 * time.Hour, Interval: 20 * time.Minute,
			Start: time.Now().Add(-3000 * time.Hour), Connections: 16, Seed: 1, Patience: 2 * time.Minute, Threats: 20,
			Enrolled: ack.enrolled, Reported: ack.reported,
		})
		finished <- err
	}()
	n := kills(t, 12)
	for range n {
		time.Sleep(time.Duration(300+rand.IntN(1500)) * time.Millisecond)
		d.kill()
		restart()
	}
	ack.await(50, time.Minute) // on a slow machine the load takes its time
	cancel()
	if err := <-finished; err != nil {
		t.Fatalf("the fleet: %v", err)
	}
	ack.mu.Lock()
	defer ack.mu.Unlock()
	t.Logf("%d kills, %d enrollments and %d threats acknowledged", n, len(ack.devices), len(ack.threats))
	if len(ack.devices) < 50 || len(ack.threats) < 50 {
		t.Errorf("hardly any load: %d enrollments, %d threats", len(ack.devices), len(ack.threats))
	}
	checkLog(t, d.run.EventStore, ack)

	verify := exec.CommandContext(t.Context(), binary(t, "avportal"), "projections", "verify", "--data", data)
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("a view differs from its rebuild: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	d.stop()
}

// checkLog reads the whole log and looks for what must be true of it.
func checkLog(t *testing.T, eventStore string, ack *acknowledged) {
	t.Helper()
	store, err := esdb.Open(esdb.Config{ConnectionString: eventStore, Registry: catalog.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ids := map[string]bool{}
	enrolled, threats := map[string]int{}, map[string]int{}
	next := map[string]eventstore.Revision{}
	var last eventstore.Position
	for r, err := range store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if ids[r.ID.String()] {
			t.Errorf("event %s stands in the log twice", r.ID)
		}
		ids[r.ID.String()] = true
		if r.Position.Compare(last) <= 0 {
			t.Errorf("position %s after %s", r.Position, last)
		}
		last = r.Position
		stream := r.Stream.String()
		if r.Revision != next[stream] {
			t.Errorf("%s: revision %d, want %d", stream, r.Revision, next[stream])
		}
		next[stream] = r.Revision + 1
		switch e := r.Event.(type) {
		case device.Enrolled:
			enrolled[string(e.Device)]++
		case device.ThreatFound:
			threats[e.Threat]++
		}
	}
	exactlyOnce(t, "enrollment", ack.devices, enrolled)
	exactlyOnce(t, "threat", ack.threats, threats)
}

func exactlyOnce(t *testing.T, what string, acknowledged map[string]bool, found map[string]int) {
	t.Helper()
	wrong := 0
	for id := range acknowledged {
		if found[id] != 1 {
			wrong++
			if wrong <= 5 {
				t.Errorf("%s %s was acknowledged and stands in the log %d times", what, id, found[id])
			}
		}
	}
	for id, n := range found {
		if n > 1 {
			t.Errorf("%s %s stands in the log %d times", what, id, n)
		}
	}
	if wrong > 0 {
		t.Errorf("%s", fmt.Sprintf("%d of %d acknowledged %ss are wrong", wrong, len(acknowledged), what))
	}
}
