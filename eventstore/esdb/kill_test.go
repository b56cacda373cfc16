package esdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/storetest"
)

// load is 16 writers, each appending to a stream of its own, that keep account of what they were told.
type load struct {
	store    *Store
	tenant   domain.Tenant
	deadline time.Duration // of each append

	mu       sync.Mutex
	acked    map[uuid.UUID]eventstore.Appended
	streams  map[domain.Stream]int // acknowledged appends
	problems []string
}

func newLoad(s *Store, deadline time.Duration) *load {
	return &load{
		store: s, tenant: domain.Tenant(fmt.Sprintf("%032x", rand.Uint64())), deadline: deadline,
		acked: map[uuid.UUID]eventstore.Appended{}, streams: map[domain.Stream]int{},
	}
}

// run writes until stop is closed.
func (l *load) run(writers int, stop <-chan struct{}) {
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			stream := domain.Stream{Tenant: l.tenant, Kind: domain.KindDevice, ID: fmt.Sprint(w)}
			at := eventstore.NoStream
			for {
				select {
				case <-stop:
					return
				default:
				}
				events := proposals(1 + rand.IntN(3))
				a, err := l.append(stream, at, events)
				for errors.Is(err, eventstore.ErrUnavailable) { // the outcome is unknown, so the same again
					a, err = l.append(stream, at, events)
				}
				if err != nil {
					l.note(fmt.Sprintf("%s after %d: %v", stream, at, err))
					return
				}
				l.ack(stream, events, a)
				at = a.Revision
			}
		})
	}
	group.Wait()
}

func (l *load) append(stream domain.Stream, at eventstore.Revision, events []eventstore.Proposed) (eventstore.Appended, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.deadline)
	defer cancel()
	began := time.Now()
	a, err := l.store.Append(ctx, stream, at, events)
	if took := time.Since(began); took > l.deadline+2*time.Second {
		l.note(fmt.Sprintf("an append with a deadline of %v took %v", l.deadline, took))
	}
	return a, err
}

func (l *load) ack(stream domain.Stream, events []eventstore.Proposed, a eventstore.Appended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[stream]++
	for i, e := range events {
		place := eventstore.Appended{Revision: a.Revision - eventstore.Revision(len(events)-1-i)}
		if i == len(events)-1 {
			place.Position = a.Position
		}
		l.acked[e.ID] = place
	}
}

func (l *load) note(problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, problem)
}

// check compares the whole log with the account: every acknowledged event once, where it was said to be, in order, and
// nothing that nobody has sent.
func (l *load) check(t *testing.T) {
	t.Helper()
	for _, problem := range l.problems {
		t.Error(problem)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seen := map[uuid.UUID]bool{}
	next := map[domain.Stream]eventstore.Revision{}
	var last eventstore.Position
	for r, err := range l.store.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Position.Compare(last) <= 0 || r.Revision != next[r.Stream] || seen[r.ID] {
			t.Fatalf("event %s stands at %d@%s, %v, where %d was due after %v; seen before: %v", r.ID, r.Revision, r.Stream, r.Position, next[r.Stream], last, seen[r.ID])
		}
		seen[r.ID], last = true, r.Position
		next[r.Stream]++
		place, ok := l.acked[r.ID]
		if !ok {
			t.Errorf("event %s stands in the log but was never acknowledged", r.ID)
		}
		if ok && (place.Revision != r.Revision || !place.Position.IsZero() && place.Position != r.Position) {
			t.Errorf("event %s was acknowledged at %v and stands at %d, %v", r.ID, place, r.Revision, r.Position)
		}
	}
	lost := 0
	for id := range l.acked {
		if !seen[id] {
			lost++
		}
	}
	appends := 0
	for n := range maps.Values(l.streams) {
		appends += n
	}
	t.Logf("%d appends of %d events acknowledged", appends, len(l.acked))
	if lost > 0 || len(l.acked) == 0 {
		t.Errorf("%d of %d acknowledged events are lost", lost, len(l.acked))
	}
}

func proposals(n int) []eventstore.Proposed {
	command := uuid.New()
	events := make([]eventstore.Proposed, n)
	for i := range events {
		events[i] = eventstore.Proposed{ID: uuid.New(), Event: storetest.Noted{Text: "under load"}, Meta: eventstore.Metadata{
			Correlation: command, Causation: command, Command: command, Actor: domain.ActorClient, ActorID: "device",
		}}
	}
	return events
}

// The node is killed again and again while 16 writers append and subscriptions run. Nothing acknowledged is lost or
// doubled, nobody hangs past his deadline, and nothing is left behind.
func TestNodeIsKilledUnderLoad(t *testing.T) {
	for _, unary := range []bool{false, true} {
		t.Run(map[bool]string{false: "batch", true: "unary"}[unary], func(t *testing.T) {
			p := newProcess(t)
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			s := open(t, Config{ConnectionString: p.connectionString(), CallTimeout: 2 * time.Second})
			s.unary = unary
			l := newLoad(s, 3*time.Second)
			stop := make(chan struct{})
			var group sync.WaitGroup
			group.Go(func() { l.run(16, stop) })
			reader := follow(s)
			time.Sleep(300 * time.Millisecond)
			before := runtime.NumGoroutine()
			outages := []time.Duration{0, 3 * time.Second, 100 * time.Millisecond, time.Second, 0, 500 * time.Millisecond}
			for _, outage := range outages {
				p.kill()
				time.Sleep(outage)
				if err := p.start(); err != nil {
					t.Fatal(err)
				}
				acked := l.count()
				back := time.Now()
				for l.count() <= acked+16 {
					if time.Since(back) > 20*time.Second {
						t.Fatal("no append went through within 20 s of the node's return")
					}
					time.Sleep(5 * time.Millisecond)
				}
				t.Logf("outage of %v: appends go on %v after the return, %d goroutines", outage, time.Since(back).Round(time.Millisecond), runtime.NumGoroutine())
				time.Sleep(200 * time.Millisecond)
			}
			close(stop)
			group.Wait()
			l.check(t)
			reader.check(t, s)
			eventually(t, "calls still hang in the client", func() bool { return len(s.calls) == 0 })
			eventually(t, "goroutines are left behind", func() bool { return runtime.NumGoroutine() <= before+3*len(outages) }) // what the client forgets, see TestMain
		})
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func eventually(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Errorf("%s: %d goroutines\n%s", otherwise, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
			return
		}
	}
}

// follower subscribes through all outages, each time behind what it has seen.
type follower struct {
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	seen []uuid.UUID
}

func follow(s *Store) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		var at eventstore.Position
		for ctx.Err() == nil {
			for r, err := range s.Subscribe(ctx, at) {
				if err != nil {
					break
				}
				at = r.Position
				f.mu.Lock()
				f.seen = append(f.seen, r.ID)
				f.mu.Unlock()
			}
		}
	}()
	return f
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// check expects the follower to come to see just what a reader of the whole log sees.
func (f *follower) check(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var log []uuid.UUID
	for r, err := range s.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, r.ID)
	}
	eventually(t, "a subscriber does not see the whole log", func() bool { return f.count() >= len(log) })
	f.stop()
	<-f.done
	if !slices.Equal(f.seen, log) {
		t.Errorf("a subscriber saw %d events, the log has %d, or in another order", len(f.seen), len(log))
	}
}
