package storage_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"avportal/eventstore/node/storage"
)

// linksByStream lists what the link streams hold, resolved or not, in order.
func linksByStream(tb testing.TB, db *storage.DB) map[string][]string {
	tb.Helper()
	all, err := readLog(db)
	if err != nil {
		tb.Fatal(err)
	}
	links := map[string][]string{}
	for _, e := range all {
		if e.kind == storage.LinkType || e.kind == storage.StreamReferenceType {
			if int64(len(links[e.stream])) != e.revision {
				tb.Fatalf("link %d of %s follows %d others", e.revision, e.stream, len(links[e.stream]))
			}
			links[e.stream] = append(links[e.stream], e.data)
		}
	}
	return links
}

func equalLinks(tb testing.TB, got, want map[string][]string) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%d link streams, want %d", len(got), len(want))
	}
	for stream, links := range want {
		if !slices.Equal(got[stream], links) {
			tb.Errorf("%s has %v, want %v", stream, got[stream], links)
		}
	}
}

func load(tb testing.TB, db *storage.DB, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		e := newEvent(fmt.Sprint(i % 11))
		e.Type = fmt.Sprintf("type%d", i%3)
		write(tb, db, fmt.Sprintf("cat%d-%d", i%4, i%8), storage.Any, e)
	}
}

// TestProjectionsCatchUp compares projections that were always on with some that were off for a time, and with some
// that were switched on for an old log, while events are written.
func TestProjectionsCatchUp(t *testing.T) {
	checkLeaks(t)
	ctx := context.Background()
	o := small(vfs.NewMem())
	o.Projections = storage.Projections[:]
	always := open(t, o)
	load(t, always, 0, 6000)
	want := linksByStream(t, always)
	verify(t, always)
	closeDB(t, always)
	for _, stream := range []string{"$ce-cat1", "$bc-c7", "$et-type2", "$streams", "$category-cat0"} {
		if len(want[stream]) == 0 {
			t.Fatalf("%s is empty", stream)
		}
	}

	o = small(vfs.NewMem())
	o.Projections = []storage.Projection{storage.ByCategory}
	db := open(t, o)
	load(t, db, 0, 2000)
	if err := db.DisableProjection(ctx, storage.ByCategory); err != nil {
		t.Fatal(err)
	}
	load(t, db, 2000, 2500)
	if s, err := db.ProjectionStatus(storage.ByCategory); err != nil || s.Running {
		t.Fatal(s, err)
	}
	closeDB(t, db)
	o.Projections = storage.Projections[:]
	db = open(t, o)
	done := make(chan struct{})
	go func() {
		defer close(done)
		load(t, db, 2500, 6000)
	}()
	for _, p := range storage.Projections {
		for running := false; !running; {
			s, err := db.ProjectionStatus(p)
			if err != nil {
				t.Fatal(err)
			}
			running = s.Running
		}
	}
	<-done
	got := linksByStream(t, db)
	// The list of streams has them in the order in which they appeared in either case.
	equalLinks(t, got, want)
	verify(t, db)
	closeDB(t, db)
}
