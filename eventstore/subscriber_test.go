package eventstore_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// view stands for a projection: it applies a batch and moves the checkpoint in one step, as a transaction would.
type view struct {
	mu      sync.Mutex
	at      eventstore.Position
	applied []eventstore.Recorded
	asked   int // how often a session began
}

func (v *view) Checkpoint(context.Context, string) (eventstore.Position, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	return v.at, nil
}

func (v *view) apply(b eventstore.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b.After.Compare(v.at) > 0 {
		return fmt.Errorf("gap: the view is at %v, the batch follows %v", v.at, b.After)
	}
	for _, r := range b.Events {
		if r.Position.Compare(v.at) > 0 {
			v.applied = append(v.applied, r)
			v.at = r.Position
		}
	}
	return nil
}

// filled is a store with n events in one stream, each with the bytes of a text of that length.
func filled(tb testing.TB, n, length int) (*memory.Store, domain.Stream) {
	tb.Helper()
	s := memory.New(storetest.Registry())
	stream := domain.Stream{Tenant: "0123456789abcdef0123456789abcdef", Kind: domain.KindDevice, ID: "1"}
	fill(tb, s, stream, 0, n, length)
	return s, stream
}

func fill(tb testing.TB, s eventstore.Store, stream domain.Stream, from, n, length int) {
	tb.Helper()
	for i := range n {
		text := fmt.Sprintf("%0*d", max(length, 1), from+i)
		p := eventstore.Proposed{ID: uuid.New(), Event: storetest.Noted{Text: text}, Meta: eventstore.Metadata{Command: uuid.New(), Actor: domain.ActorSystem}}
		if _, err := s.Append(context.Background(), stream, eventstore.Revision(from+i-1), []eventstore.Proposed{p}); err != nil {
			tb.Fatal(err)
		}
	}
}

func subscribe(t *testing.T, s *eventstore.Subscriber) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(context.Background(), "view")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return messages
}

func next(t *testing.T, messages <-chan *message.Message) (*message.Message, eventstore.Batch) {
	t.Helper()
	select {
	case m, ok := <-messages:
		if !ok {
			t.Fatal("the channel is closed")
		}
		b, ok := eventstore.BatchFrom(m.Context())
		if !ok {
			t.Fatal("the message carries no batch")
		}
		return m, b
	case <-time.After(patience):
		t.Fatal("no message came")
	}
	return nil, eventstore.Batch{}
}

// work stands for the time that a batch takes: meanwhile the next one gathers.
func work() { time.Sleep(2 * time.Millisecond) }

func TestBatchesGrowAndFollowEachOther(t *testing.T) {
	store, stream := filled(t, 1000, 1)
	v := &view{}
	messages := subscribe(t, &eventstore.Subscriber{Source: store, Checkpoints: v, MaxBatch: 64})
	largest, count := 0, 0
	var after eventstore.Position
	for len(v.applied) < 1000 {
		m, b := next(t, messages)
		if b.After != after || len(b.Events) == 0 || len(b.Events) > 64 {
			t.Fatalf("batch %d has %d events after %v, want at most 64 after %v", count, len(b.Events), b.After, after)
		}
		if m.Metadata.Get("events") != fmt.Sprint(len(b.Events)) || m.Metadata.Get("last") != b.Last().String() || len(m.Payload) != 0 {
			t.Errorf("message %s with metadata %v", m.UUID, m.Metadata)
		}
		if err := v.apply(b); err != nil {
			t.Fatal(err)
		}
		largest, count, after = max(largest, len(b.Events)), count+1, b.Last()
		work()
		m.Ack()
	}
	if largest < 16 {
		t.Errorf("the largest of %d batches had %d events", count, largest)
	}
	fill(t, store, stream, 1000, 1, 1)
	m, b := next(t, messages)
	if len(b.Events) != 1 || b.After != after {
		t.Errorf("a live batch has %d events after %v", len(b.Events), b.After)
	}
	m.Ack()
}

func TestBatchesAfterARefusalBeginWithOneEvent(t *testing.T) {
	store, _ := filled(t, 1000, 1)
	v := &view{}
	messages := subscribe(t, &eventstore.Subscriber{Source: store, Checkpoints: v, MaxBatch: 64})
	m, _ := next(t, messages)
	m.Nack()
	for limit := 1; len(v.applied) < 1000; limit = min(2*limit, 64) {
		m, b := next(t, messages)
		if len(b.Events) > limit {
			t.Fatalf("after %d events a batch has %d, want at most %d", len(v.applied), len(b.Events), limit)
		}
		if err := v.apply(b); err != nil {
			t.Fatal(err)
		}
		m.Ack()
	}
}

func TestBatchesAreBoundedByBytes(t *testing.T) {
	store, _ := filled(t, 100, 10_000)
	v := &view{}
	messages := subscribe(t, &eventstore.Subscriber{Source: store, Checkpoints: v, MaxBatchBytes: 50_000})
	largest := 0
	for len(v.applied) < 100 {
		m, b := next(t, messages)
		largest = max(largest, len(b.Events))
		if err := v.apply(b); err != nil {
			t.Fatal(err)
		}
		work()
		m.Ack()
	}
	if largest < 2 || largest > 4 {
		t.Errorf("the largest batch has %d events of 10 kB, want at most 4", largest)
	}
	one, _ := filled(t, 1, 200_000)
	m, b := next(t, subscribe(t, &eventstore.Subscriber{Source: one, Checkpoints: &view{}, MaxBatchBytes: 50_000}))
	if len(b.Events) != 1 {
		t.Errorf("an event larger than a batch came as %d", len(b.Events))
	}
	m.Ack()
}

// A poison event is soon alone in a batch; all events before it are applied, none after it.
func TestPoisonIsIsolated(t *testing.T) {
	const poison = 3210
	store, _ := filled(t, 5000, 1)
	v := &view{}
	messages := subscribe(t, &eventstore.Subscriber{Source: store, Checkpoints: v, MaxBatch: 1024, Retry: eventstore.Backoff{Min: time.Microsecond, Max: time.Millisecond}})
	batches, alone := 0, 0
	for alone < 3 {
		m, b := next(t, messages)
		batches++
		work()
		if !slices.ContainsFunc(b.Events, func(r eventstore.Recorded) bool { return r.Revision == poison }) {
			if err := v.apply(b); err != nil {
				t.Fatal(err)
			}
			m.Ack()
			continue
		}
		if len(b.Events) == 1 && b.Events[0].Revision == poison {
			alone++
		}
		m.Nack()
	}
	if n := len(v.applied); n != poison || v.applied[n-1].Revision != poison-1 {
		t.Errorf("%d events were applied, want those before number %d", n, poison)
	}
	if batches > 200 {
		t.Errorf("it took %d batches to isolate the event", batches)
	}
}

// A refused batch comes again with pauses that grow, and leaves nothing behind.
func TestNackDoesNotHotLoop(t *testing.T) {
	store, _ := filled(t, 10, 1)
	v := &view{}
	retry := eventstore.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	messages := subscribe(t, &eventstore.Subscriber{Source: store, Checkpoints: v, Retry: retry})
	began, tries := time.Now(), 0
	before := runtime.NumGoroutine()
	for ; tries < 30; tries++ {
		m, b := next(t, messages)
		if tries > 0 && len(b.Events) != 1 || b.Events[0].Revision != 0 {
			t.Fatalf("try %d has %d events", tries, len(b.Events))
		}
		m.Nack()
	}
	// 5+10+20 ms, and from then on 20 ms at least.
	if pauses := 35*time.Millisecond + 26*20*time.Millisecond; time.Since(began) < pauses {
		t.Errorf("%d tries came within %v, want pauses of %v at least", tries, time.Since(began), pauses)
	}
	if n := runtime.NumGoroutine(); n > before+2 {
		t.Errorf("%d goroutines after %d refusals, %d before", n, tries, before)
	}
	m, b := next(t, messages)
	if err := v.apply(b); err != nil {
		t.Fatal(err)
	}
	m.Ack()
	began = time.Now()
	if m, _ = next(t, messages); time.Since(began) > patience/2 {
		t.Error("after an ack there is still a pause")
	}
	m.Ack()
}
