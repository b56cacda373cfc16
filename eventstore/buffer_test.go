package eventstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the bounds and the cuts, what is put in comes out once, in order, within the bounds, and then the reason why
// no more comes.
func TestBufferKeepsOrderAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const total = 200
		overhead := Recorded{}.size()
		b := NewBuffer(rapid.IntRange(1, 50).Draw(t, "events"), rapid.IntRange(1, 20*overhead).Draw(t, "bytes"))
		why := errors.New("broke")
		go func() {
			for i := range total {
				if err := b.Put(context.Background(), Recorded{Revision: Revision(i), Data: make([]byte, i%7)}); err != nil {
					why = err
				}
			}
			b.Close(why)
		}()
		events, bytes := rapid.IntRange(1, 60).Draw(t, "take events"), rapid.IntRange(1, 10*overhead).Draw(t, "take bytes")
		returns := rapid.Bool().Draw(t, "what was taken is given back")
		next := 0
		for {
			taken, err := b.Take(context.Background(), events, bytes)
			if len(taken) == 0 {
				if !errors.Is(err, why) || next != total {
					t.Fatalf("after %d events: %v", next, err)
				}
				return
			}
			size := 0
			for _, r := range taken {
				if int(r.Revision) != next {
					t.Fatalf("event %d came as number %d", r.Revision, next)
				}
				next, size = next+1, size+r.size()
			}
			if len(taken) > events || len(taken) > 1 && size > bytes {
				t.Fatalf("took %d events of %d bytes, want at most %d of %d", len(taken), size, events, bytes)
			}
			if returns {
				b.GiveBack(taken)
			}
		}
	})
}

// A subscription that runs for weeks must not make new memory for each batch, nor keep for ever what it needed when it was far behind.
func TestBufferFillsAgainWhatWasGivenBack(t *testing.T) {
	ctx, b := t.Context(), NewBuffer(1000, 1<<30)
	pass := func(n int) {
		for range n {
			if err := b.Put(ctx, Recorded{}); err != nil {
				t.Fatal(err)
			}
		}
		taken, err := b.Take(ctx, n, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		b.GiveBack(taken)
	}
	pass(1000)
	pass(1000)
	if allocations := testing.AllocsPerRun(100, func() { pass(1000) }); allocations > 0 {
		t.Errorf("%v allocations for a batch", allocations)
	}
	for range 3 {
		pass(1)
	}
	if kept := max(cap(b.events), cap(b.spare)); kept > 100 {
		t.Errorf("room for %d events is kept by one that passes one at a time", kept)
	}
}

func TestBufferHonoursContexts(t *testing.T) {
	b := NewBuffer(1, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := b.Take(ctx, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("taking from an empty buffer: %v", err)
	}
	if err := b.Put(context.Background(), Recorded{}); err != nil {
		t.Error(err)
	}
	if err := b.Put(ctx, Recorded{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("putting into a full buffer: %v", err)
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	b := Backoff{Min: 10 * time.Millisecond, Max: 70 * time.Millisecond}
	for failures, most := range map[int]time.Duration{1: 10, 2: 20, 3: 40, 4: 70, 5: 70, 1000: 70} {
		for range 100 {
			if d := b.delay(failures); d > most*time.Millisecond || d < most*time.Millisecond/2 {
				t.Fatalf("%v after %d failures, want at most %d ms and at least half of that", d, failures, most)
			}
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := (Backoff{Min: time.Hour, Max: time.Hour}).Wait(canceled, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPositionsRoundTrip(t *testing.T) {
	for _, p := range []Position{{}, {1, 2}, {1<<63 - 1, 7}} {
		if back, err := ParsePosition(p.String()); err != nil || back != p {
			t.Errorf("%v came back as %v, %v", p, back, err)
		}
	}
	for _, s := range []string{"", "1", "1/", "/1", "-1/1", "1/1/1", "9223372036854775808/1", "a/b"} {
		if p, err := ParsePosition(s); err == nil {
			t.Errorf("%q was read as %v", s, p)
		}
	}
	if (Position{1, 9}).Compare(Position{2, 0}) >= 0 || (Position{2, 1}).Compare(Position{2, 0}) <= 0 {
		t.Error("positions are ordered by commit, then prepare")
	}
}
