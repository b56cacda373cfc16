package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/customer"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	here  domain.Tenant = "0123456789abcdef0123456789abcdef"
	there domain.Tenant = "fedcba9876543210fedcba9876543210"
)

func event(t domain.Tenant, n int) eventstore.Recorded {
	at := uint64(n) //nolint:gosec // small
	return eventstore.Recorded{
		Stream: customer.Stream(t, "c"), Revision: eventstore.Revision(n), Position: eventstore.Position{Commit: at, Prepare: at},
		Event: customer.Renamed{To: fmt.Sprint(n)}, Data: []byte("{}"),
	}
}

// begun is a broadcaster that follows a log which ends at position 100.
func begun() *Broadcaster {
	store := memory.New(catalog.Registry())
	b := New(store, store, slog.New(slog.DiscardHandler))
	at := eventstore.Position{Commit: 100, Prepare: 100}
	b.head, b.start, b.begun = at, at, true
	close(b.beginC)
	return b
}

func from(t *testing.T, b *Broadcaster, tenant domain.Tenant, after uint64) *Reader {
	t.Helper()
	r, _, err := b.From(t.Context(), tenant, eventstore.Position{Commit: after, Prepare: after})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read answers the numbers of all events that are there.
func read(t *testing.T, r *Reader, limit int) (numbers []eventstore.Revision) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		events, err := r.Next(ctx, limit)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return numbers
		}
		if len(events) > limit {
			t.Fatalf("%d events, at most %d were asked for", len(events), limit)
		}
		for _, e := range events {
			numbers = append(numbers, e.Revision)
		}
	}
}

func TestReadersSeeTheirTenantFromTheirPositionOn(t *testing.T) {
	b := begun()
	now := from(t, b, here, 0)
	for n := 101; n <= 110; n++ {
		b.add(event([]domain.Tenant{here, there}[n%2], n))
	}
	for name, c := range map[string]struct {
		reader *Reader
		want   string
	}{
		"from now on":      {now, "[102 104 106 108 110]"},
		"from the start":   {from(t, b, here, 100), "[102 104 106 108 110]"},
		"behind one":       {from(t, b, here, 104), "[106 108 110]"},
		"between two":      {from(t, b, here, 105), "[106 108 110]"},
		"behind the last":  {from(t, b, here, 110), "[]"},
		"the other tenant": {from(t, b, there, 100), "[101 103 105 107 109]"},
	} {
		if got := fmt.Sprint(read(t, c.reader, 2)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if len(b.waits) != 0 {
		t.Errorf("waits are left behind: %v", b.waits)
	}
	if _, _, err := b.From(t.Context(), here, eventstore.Position{Commit: 99, Prepare: 99}); !errors.Is(err, ErrLost) {
		t.Errorf("from before the start: %v", err)
	}
}

// A slow reader loses its place; one whose own tenant is quiet does not, however busy others are.
func TestOnlyWhoMissesSomethingIsLost(t *testing.T) {
	b := begun()
	slow, quiet := from(t, b, there, 0), from(t, b, here, 0)
	b.add(event(there, 101))
	for n := range held + 10 {
		b.add(event(there, 200+n))
	}
	b.add(event(here, 100_000))
	if got := read(t, quiet, 10); len(got) != 1 {
		t.Errorf("the quiet tenant's reader sees %v", got)
	}
	if _, err := slow.Next(t.Context(), 10); !errors.Is(err, ErrLost) {
		t.Errorf("the slow reader: %v", err)
	}
	if _, _, err := b.From(t.Context(), there, eventstore.Position{Commit: 150, Prepare: 150}); !errors.Is(err, ErrLost) {
		t.Errorf("resumed too late: %v", err)
	}
	if got := read(t, from(t, b, here, 150), 10); len(got) != 1 {
		t.Errorf("the quiet tenant resumed: %v", got)
	}
}

// Many readers, a busy log: each sees each event of its tenant once and in order. Run with -race.
func TestManyReaders(t *testing.T) {
	store := memory.New(catalog.Registry())
	b := New(store, eventstore.NewTail(store, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var running, reading sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	defer running.Wait()
	defer cancel()
	const events = 200
	for i := range 20 {
		tenant := []domain.Tenant{here, there}[i%2]
		r, _, err := b.From(ctx, tenant, eventstore.Position{})
		if err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			for want := 0; want < events; {
				list, err := r.Next(ctx, 7)
				if err != nil || len(list) == 0 {
					t.Errorf("reader %d ended at %d: %v", i, want, err)
					return
				}
				for _, e := range list {
					if e.Stream.Tenant != tenant || e.Revision != eventstore.Revision(want) || e.Data != nil {
						t.Errorf("reader %d: %s at %d, want %d", i, e.Stream, e.Revision, want)
					}
					want++
				}
			}
		})
	}
	for n := range events {
		for _, tenant := range []domain.Tenant{here, there} {
			_, err := store.Append(ctx, customer.Stream(tenant, "c"), eventstore.Revision(n-1), []eventstore.Proposed{
				{ID: uuid.New(), Event: customer.Renamed{To: fmt.Sprint(n)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	reading.Wait()
}

// The last event of a stream is told only where nothing can have been missed, and nothing newer than asked for.
func TestLastEventOfAStream(t *testing.T) {
	b := begun()
	position := func(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }
	c := customer.Stream(here, "c")
	if _, _, ok := b.Last(c, position(100)); ok {
		t.Error("a stream that was never seen is known")
	}
	b.Note(event(here, 90)) // as it was read from the store
	if r, at, ok := b.Last(c, position(100)); !ok || r != 90 || at != position(90) {
		t.Errorf("noted: %d at %s, %v", r, at, ok)
	}
	if _, _, ok := b.Last(c, position(101)); ok {
		t.Error("what came after the head is known")
	}
	b.add(event(here, 102))
	b.Note(event(here, 90)) // read before, told after
	if r, _, ok := b.Last(c, position(102)); !ok || r != 102 {
		t.Errorf("after an event: %d, %v", r, ok)
	}
	if _, _, ok := b.Last(c, position(101)); ok {
		t.Error("an event is told to whom it is too new")
	}
	b.add(event(there, 103))
	if r, _, ok := b.Last(c, position(103)); !ok || r != 102 {
		t.Errorf("after an event of another stream: %d, %v", r, ok)
	}
}
