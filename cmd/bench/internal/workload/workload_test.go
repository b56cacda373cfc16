package workload

import (
	"errors"
	"reflect"
	"testing"

	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

var shape = Shape{Tenants: 2, Devices: 200, Reserved: 400}

func history(t *testing.T, seed uint64, steps int) []Append {
	t.Helper()
	var all []Append
	f := New(seed, shape)
	keep := func(a Append) error { all = append(all, a); return nil }
	if err := errors.Join(f.Ground(keep), f.Begin(keep)); err != nil {
		t.Fatal(err)
	}
	for range steps {
		if err := f.Next(keep); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A store takes the whole history, which proves that every revision is right, and gives back the states that the fleet has.
func TestTheHistoryStandsInAStore(t *testing.T) {
	store := memory.New(catalog.Registry())
	f := New(1, shape)
	appended := 0
	keep := func(a Append) error {
		appended += len(a.Events)
		_, err := store.Append(t.Context(), a.Stream, a.After, a.Events)
		return err
	}
	if err := errors.Join(f.Ground(keep), f.Begin(keep)); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if err := f.Next(keep); err != nil {
			t.Fatal(err)
		}
	}
	states := map[string]device.State{}
	kinds := map[string]int{}
	for r, err := range store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		appended--
		kinds[r.Type]++
		if !r.Stream.Telemetry {
			states[r.Stream.String()] = states[r.Stream.String()].Evolve(r.Event)
		}
	}
	if appended != 0 {
		t.Errorf("%d events are missing", appended)
	}
	for i := range f.Enrolled() {
		d := f.Device(i)
		if got := states[device.Stream(d.Tenant, d.ID).String()]; !reflect.DeepEqual(got, d.State) {
			t.Fatalf("device %d is %+v in the store, %+v in the fleet", i, got, d.State)
		}
	}
	for _, kind := range []string{"device.enrolled", "device.observed", "device.guards_changed", "device.threat_found", "device.threat_resolved", "device.moved"} {
		if kinds[kind] == 0 {
			t.Errorf("the mix has no %s", kind)
		}
	}
}

// What would have been enrollments once were threats: a fleet that was all there had a fresh infection in every fifth report.
func TestAFleetThatIsAllThereKeepsTheMix(t *testing.T) {
	f := New(4, Shape{Tenants: 2, Devices: 200})
	const steps = 20_000
	kinds := map[string]int{}
	count := func(a Append) error {
		for _, e := range a.Events {
			kinds[e.Event.EventType()]++
		}
		return nil
	}
	if err := errors.Join(f.Ground(count), f.Begin(count)); err != nil {
		t.Fatal(err)
	}
	clear(kinds)
	for range steps {
		if err := f.Next(count); err != nil {
			t.Fatal(err)
		}
	}
	share := func(events int) float64 { return 100 * float64(events) / steps }
	if found := share(kinds["device.threat_found"]); found < 2.5 || found > 3.5 {
		t.Errorf("%.1f %% of the events are threats found, not 3", found)
	}
	if reports := share(kinds["device.observed"] + kinds["device.guards_changed"]); reports < 91 || reports > 95 {
		t.Errorf("%.1f %% are reports of state, not 93", reports)
	}
}

func TestTheSameSeedMakesTheSameHistory(t *testing.T) {
	one, two, other := history(t, 7, 500), history(t, 7, 500), history(t, 8, 500)
	if !reflect.DeepEqual(one, two) {
		t.Error("the same seed made two histories")
	}
	if reflect.DeepEqual(one, other) {
		t.Error("two seeds made one history")
	}
}

func TestAReportAlwaysLeavesOneEvent(t *testing.T) {
	f := New(3, shape)
	ignore := func(Append) error { return nil }
	if err := errors.Join(f.Ground(ignore), f.Begin(ignore)); err != nil {
		t.Fatal(err)
	}
	d := f.Device(5)
	for range 5 {
		events, err := collect(&d.State, Report(d, f.clock))
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
	}
}

func TestAgeGivesOneEventATime(t *testing.T) {
	f := New(3, shape)
	ignore := func(Append) error { return nil }
	if err := errors.Join(f.Ground(ignore), f.Begin(ignore)); err != nil {
		t.Fatal(err)
	}
	d := f.Device(9)
	before := d.Revision
	if err := f.Age(d, 7, ignore); err != nil || d.Revision != before+7 {
		t.Errorf("from revision %d to %d: %v", before, d.Revision, err)
	}
}

func TestAFullStoreEndsTheHistory(t *testing.T) {
	full := errors.New("full")
	if err := New(1, shape).Ground(func(Append) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
}
