package eventstore_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"avportal/eventstore"
)

func TestCloseWaits(t *testing.T) {
	store, _ := filled(t, 10, 1)
	s := &eventstore.Subscriber{Source: store, Checkpoints: &view{}}
	held, err := s.Subscribe(context.Background(), "one")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	canceled, err := s.Subscribe(ctx, "two")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := next(t, held) // neither acked nor nacked
	cancel()
	drained(t, canceled)
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
	drained(t, held)
	if m.Context().Err() == nil {
		t.Error("the context of a message that was given up goes on")
	}
	if _, err := s.Subscribe(context.Background(), "three"); err == nil {
		t.Error("a closed subscriber takes a consumer")
	}
	if err := new(eventstore.Subscriber).Close(); err != nil {
		t.Errorf("closing what was never used: %v", err)
	}
}

// drained expects the channel to be closed, after at most the one message that was on offer.
func drained(t *testing.T, messages <-chan *message.Message) {
	t.Helper()
	timeout := time.After(patience)
	for range 2 {
		select {
		case _, ok := <-messages:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the channel was not closed")
		}
	}
	t.Fatal("messages keep coming")
}

// failingOnce breaks in ways that a database does.
type failingOnce struct {
	*view
	source eventstore.Source
	broken bool
}

func (f *failingOnce) Checkpoint(ctx context.Context, name string) (eventstore.Position, error) {
	if at, _ := f.view.Checkpoint(ctx, name); f.asked > 1 {
		return at, nil
	}
	return eventstore.Position{}, errors.New("the database is away")
}

func (f *failingOnce) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	if !f.broken {
		f.broken = true
		return func(func(eventstore.Recorded, error) bool) {} // ends without a word
	}
	return f.source.Subscribe(ctx, after)
}

// The whole way through a real Watermill router, as projections use it.
func TestThroughTheRouter(t *testing.T) {
	store, _ := filled(t, 500, 1)
	v := &view{}
	flaky := &failingOnce{view: v, source: store}
	s := &eventstore.Subscriber{Source: flaky, Checkpoints: flaky}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: patience}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan struct{})
	refused := false
	router.AddConsumerHandler("view", "view", s, func(m *message.Message) error {
		b, ok := eventstore.BatchFrom(m.Context())
		if !ok {
			return errors.New("no batch")
		}
		if len(b.Events) > 16 && !refused {
			refused = true
			return errors.New("refused once")
		}
		if err := v.apply(b); err != nil {
			return err
		}
		if len(v.applied) == 500 {
			close(all)
		}
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- router.Run(context.Background()) }()
	select {
	case <-all:
	case <-time.After(patience):
		t.Error("the view did not come to the end of the log")
	}
	if err := errors.Join(router.Close(), <-done); err != nil {
		t.Error(err)
	}
	for i, r := range v.applied {
		if int(r.Revision) != i {
			t.Fatalf("event %d was applied as number %d", r.Revision, i)
		}
	}
}
