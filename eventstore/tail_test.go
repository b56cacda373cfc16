package eventstore_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// counting is a store that counts its subscriptions; they end when it is told to break.
type counting struct {
	*memory.Store
	open, ever atomic.Int64

	mu     sync.Mutex
	cancel map[*context.CancelCauseFunc]struct{}
}

var errReset = errors.New("connection reset")

func (c *counting) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		c.mu.Lock()
		if c.cancel == nil {
			c.cancel = map[*context.CancelCauseFunc]struct{}{}
		}
		c.cancel[&cancel] = struct{}{}
		c.mu.Unlock()
		defer func() { c.mu.Lock(); delete(c.cancel, &cancel); c.mu.Unlock() }()
		c.ever.Add(1)
		c.open.Add(1)
		defer c.open.Add(-1)
		for r, err := range c.Store.Subscribe(ctx, after) {
			if err != nil {
				err = context.Cause(ctx)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (c *counting) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cancel := range c.cancel {
		(*cancel)(errReset)
	}
}

// tailOf runs a tail of a store with some events.
func tailOf(t *testing.T, events int) (*counting, domain.Stream, *eventstore.Tail) {
	t.Helper()
	s, stream := filled(t, events, 1)
	c := &counting{Store: s}
	tail := eventstore.NewTail(c, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tail.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return c, stream, tail
}

// reader follows a source from a position, through all breaks, and checks that each event comes once, in order.
type reader struct {
	next atomic.Int64 // the revision that comes next
	stop func()
}

func follow(t *testing.T, s eventstore.Source, after eventstore.Position, next int, slow func()) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{}
	r.next.Store(int64(next))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for e, err := range s.Subscribe(ctx, after) {
				if err != nil {
					break
				}
				if want := r.next.Load(); int64(e.Revision) != want {
					t.Errorf("event %d came, %d was next", e.Revision, want)
					return
				}
				after = e.Position
				r.next.Add(1)
				slow()
			}
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stop)
	return r
}

func (r *reader) await(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); r.next.Load() < int64(n); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events came", r.next.Load(), n)
		}
	}
}

func quick() {}

func TestThoseWhoHaveCaughtUpShareOneSubscription(t *testing.T) {
	s, stream, tail := tailOf(t, 100)
	var readers []*reader
	for range 8 {
		readers = append(readers, follow(t, tail, eventstore.Position{}, 0, quick))
	}
	told := 100
	tell := func(n int) {
		fill(t, s, stream, told, n, 1)
		told += n
		for _, r := range readers {
			r.await(t, told)
		}
	}
	tell(200)
	for deadline := time.Now().Add(patience); s.open.Load() != 1; tell(1) { // each joins with the first event after which it can
		if time.Now().After(deadline) {
			t.Fatalf("%d subscriptions are open", s.open.Load())
		}
	}
	ever := s.ever.Load()
	tell(100)
	if s.ever.Load() != ever {
		t.Errorf("%d further subscriptions for those who had caught up", s.ever.Load()-ever)
	}
}

// A slow reader falls out of what the tail holds, and comes back to it, while the others are not held up.
func TestASlowSubscriberHoldsUpNobody(t *testing.T) {
	s, stream, tail := tailOf(t, 1)
	may := make(chan struct{})
	slow := follow(t, tail, eventstore.Position{}, 0, func() { <-may })
	others := follow(t, tail, eventstore.Position{}, 0, quick)
	fill(t, s, stream, 1, 10_000, 1)
	others.await(t, 10_001)
	if n := slow.next.Load(); n > 1 {
		t.Fatalf("the slow one is at %d", n)
	}
	close(may)
	slow.await(t, 10_001)
}

// Whatever breaks, and whoever comes when: each event once, in order.
func TestJoiningAndBreaking(t *testing.T) {
	s, stream, tail := tailOf(t, 50)
	random := rand.New(rand.NewPCG(1, 2))
	var readers []*reader
	for round := range 40 {
		readers = append(readers, follow(t, tail, eventstore.Position{}, 0, func() {
			if rand.IntN(200) == 0 {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
		}))
		fill(t, s, stream, 50+round*30, 30, 1)
		if random.IntN(3) == 0 {
			s.reset()
		}
	}
	for _, r := range readers {
		r.await(t, 50+40*30)
	}
}

// Without a tail that runs, a broken connection is told once it is one's own.
func TestATailThatDoesNotRun(t *testing.T) {
	s, _ := filled(t, 3, 1)
	c := &counting{Store: s}
	done := make(chan struct{})
	defer close(done)
	n := 0
	for _, err := range eventstore.NewTail(c, slog.New(slog.DiscardHandler)).Subscribe(t.Context(), eventstore.Position{}) {
		if err != nil {
			if !errors.Is(err, errReset) {
				t.Errorf("the subscription ended with %v", err)
			}
			break
		}
		if n++; n == 3 {
			go func() { // again and again, as long as it takes
				for {
					select {
					case <-time.After(5 * time.Millisecond):
						c.reset()
					case <-done:
						return
					}
				}
			}()
		}
	}
	if n != 3 || c.ever.Load() != 2 {
		t.Errorf("%d events by %d subscriptions", n, c.ever.Load())
	}
}
