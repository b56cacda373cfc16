package eventstore_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/eventstore"
)

// breaking is a source whose subscriptions break after a few events each.
type breaking struct {
	source eventstore.Source
	random *rand.Rand
	every  int
}

func (b *breaking) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	left := b.random.IntN(b.every) + 1
	return func(yield func(eventstore.Recorded, error) bool) {
		for r, err := range b.source.Subscribe(ctx, after) {
			if left--; left < 0 {
				yield(eventstore.Recorded{}, errors.New("connection reset"))
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Whatever the batch cuts, breaks, refusals, crashes after the commit and databases that went back in time: in the end
// the view has applied the log, each event once, in order.
func TestRandomCutsAndBreaks(t *testing.T) {
	store, _ := filled(t, 600, 1)
	rapid.Check(t, func(rt *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		total := 600
		v := &view{}
		s := &eventstore.Subscriber{
			Source:      &breaking{source: store, random: random, every: rapid.SampledFrom([]int{20, 150, 100_000}).Draw(rt, "events between breaks")},
			Checkpoints: v,
			MaxBatch:    rapid.SampledFrom([]int{1, 3, 16, 256, 2000}).Draw(rt, "largest batch"),
			Retry:       eventstore.Backoff{Min: time.Microsecond, Max: 10 * time.Microsecond},
		}
		failing := rapid.IntRange(0, 30).Draw(rt, "failures per hundred")
		messages, err := s.Subscribe(context.Background(), "view")
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
		}()
		deadline := time.After(patience)
		for len(v.applied) < total {
			select {
			case m := <-messages:
				b, _ := eventstore.BatchFrom(m.Context())
				if random.IntN(100) >= failing {
					if err := v.apply(b); err != nil {
						m.Nack()
						continue
					}
					m.Ack()
					continue
				}
				switch random.IntN(3) {
				case 0: // refused
				case 1: // applied, but the answer was lost
					_ = v.apply(b)
				case 2: // the database crashed and came back as it was some events ago
					v.mu.Lock()
					v.applied = v.applied[:max(0, len(v.applied)-random.IntN(3))]
					v.at = eventstore.Batch{Events: v.applied}.Last()
					v.mu.Unlock()
				}
				m.Nack()
			case <-deadline:
				rt.Fatalf("only %d of %d events were applied", len(v.applied), total)
			}
		}
		for i, r := range v.applied {
			if int(r.Revision) != i {
				rt.Fatalf("event %d was applied as number %d", r.Revision, i)
			}
		}
	})
}
