package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"avportal/eventstore/node/storage"
)

// checkLeaks fails the test if it leaves goroutines behind. Tests in which the disk fails do: a storage engine that
// has failed is never closed.
func checkLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// small are options under which few events make the engine write and merge table files.
func small(fs vfs.FS) storage.Options {
	return storage.Options{
		Dir: "log", FS: fs, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
		Projections: []storage.Projection{storage.ByCategory, storage.ByCorrelationID},
	}
}

func open(tb testing.TB, o storage.Options) *storage.DB {
	tb.Helper()
	db, err := storage.Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

func closeDB(tb testing.TB, db *storage.DB) {
	tb.Helper()
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}

func newEvent(text string) storage.Event {
	return storage.Event{ID: uuid.New(), Type: "t", JSON: true, Data: fmt.Appendf(nil, "%q", text), Metadata: fmt.Appendf(nil, `{"$correlationId":"c%s"}`, text)}
}

func write(tb testing.TB, db *storage.DB, stream string, expected storage.Expected, events ...storage.Event) *storage.Append {
	tb.Helper()
	a := &storage.Append{Stream: stream, Expected: expected, Events: events}
	if err := db.Write(context.Background(), a); err != nil {
		tb.Fatalf("append to %s: %v", stream, err)
	}
	return a
}

// stored is a copy of an entry.
type stored struct {
	id       uuid.UUID
	stream   string
	revision int64
	position uint64
	kind     string
	data     string
	link     bool
}

func storedEntry(e *storage.Entry) stored {
	return stored{
		id: e.ID(), stream: string(e.AppendStream(nil)), revision: e.Revision(), position: e.Position(),
		kind: string(e.Type()), data: string(e.AppendData(nil)), link: e.Carried(),
	}
}

func readLog(db *storage.DB) (all []stored, err error) {
	err = db.ScanAll(0, storage.Forwards, func(e *storage.Entry) bool {
		all = append(all, storedEntry(e))
		return true
	})
	return all, err
}

func verify(tb testing.TB, db *storage.DB) *storage.Report {
	tb.Helper()
	report, err := db.Verify(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	if len(report.Damage) > 0 {
		tb.Fatalf("%d damages, the first: %v", len(report.Damage), report.Damage[0])
	}
	return report
}

func TestLogSurvivesRestarts(t *testing.T) {
	checkLeaks(t)
	fs := vfs.NewMem()
	var before []stored
	for round := range 5 {
		db := open(t, small(fs))
		after, err := readLog(db)
		if err != nil {
			t.Fatal(err)
		}
		if len(after) != len(before) {
			t.Fatalf("%d events became %d", len(before), len(after))
		}
		for i := range before {
			if after[i] != before[i] {
				t.Fatalf("event %d was %+v and is %+v", i, before[i], after[i])
			}
		}
		for i := range 300 {
			write(t, db, fmt.Sprintf("cat-%d", i%7), storage.Any, newEvent(fmt.Sprint(round, i)), newEvent("x"))
		}
		report := verify(t, db)
		if want := uint64(600 * (round + 1)); report.Events != want || report.Links != 2*want {
			t.Fatalf("%d events and %d links", report.Events, report.Links)
		}
		if before, err = readLog(db); err != nil {
			t.Fatal(err)
		}
		closeDB(t, db)
	}
	db := open(t, small(fs))
	defer closeDB(t, db)
	if report := verify(t, db); report.Files == 0 {
		t.Fatal("no table file was verified")
	}
}

func TestRepeatsAreKnownAfterARestart(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, small(fs))
	e := newEvent("once")
	first := write(t, db, "s", storage.Any, e)
	write(t, db, "s", storage.Any, newEvent("later"))
	closeDB(t, db)
	db = open(t, small(fs))
	defer closeDB(t, db)
	for _, expected := range []storage.Expected{storage.Any, storage.NoStream, storage.StreamExists} {
		if again := write(t, db, "s", expected, e); again.Revision != 0 || again.Position != first.Position {
			t.Errorf("expected %d: revision %d", expected, again.Revision)
		}
	}
}

func TestFolderHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	o := small(vfs.Default)
	o.Dir = dir
	db := open(t, o)
	if _, err := storage.Open(o); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("a second opening: %v", err)
	}
	write(t, db, "s", storage.NoStream, newEvent("1"))
	closeDB(t, db)
	db = open(t, o)
	closeDB(t, db)
	if err := db.Write(context.Background(), &storage.Append{Stream: "s", Expected: storage.Any}); !errors.Is(err, storage.ErrClosed) {
		t.Fatal(err)
	}
	if err := db.ScanAll(0, storage.Forwards, nil); !errors.Is(err, storage.ErrClosed) {
		t.Fatal(err)
	}
}
