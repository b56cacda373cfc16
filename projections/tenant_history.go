package projections

import (
	"context"
	"iter"
	"slices"
	"time"

	"avportal/domain"
	"avportal/eventstore"
)

// lateLinks is how long a link may come after its event: EventStoreDB makes them in the background.
const lateLinks = time.Minute

type history = iter.Seq2[eventstore.Recorded, error]

// ofTenant yields a tenant's events up to a moment at least, in the order of the log, by the links to them. Those that may not
// have theirs yet are looked for at the end of the log itself.
func (e *Engine) ofTenant(ctx context.Context, w When, tenant domain.Tenant) history {
	telemetry := domain.Stream{Tenant: tenant, Telemetry: true}
	return func(yield func(eventstore.Recorded, error) bool) {
		var late []eventstore.Recorded
		if w.Time.IsZero() || time.Since(w.Time) < lateLinks {
			var err error
			if late, err = e.newest(ctx, tenant); err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
		}
		links := merge(e.Store.ReadLinks(ctx, "$ce-"+string(tenant), eventstore.Start, eventstore.Forward, 0),
			e.Store.ReadLinks(ctx, "$ce-"+telemetry.Category(), eventstore.Start, eventstore.Forward, 0))
		var last eventstore.Position
		for r, err := range merge(links, listed(late)) {
			if err == nil && r.Position == last {
				continue
			}
			if last = r.Position; !yield(r, err) {
				return
			}
		}
	}
}

// newest reads what a tenant has written lately.
func (e *Engine) newest(ctx context.Context, tenant domain.Tenant) (list []eventstore.Recorded, err error) {
	since := time.Now().Add(-lateLinks)
	for r, err := range e.Store.ReadAll(ctx, eventstore.Position{}, eventstore.Backward, 0) {
		if err != nil {
			return nil, err
		}
		if r.At.Before(since) {
			break
		}
		if r.Stream.Tenant == tenant {
			list = append(list, r)
		}
	}
	slices.Reverse(list)
	return list, nil
}

func listed(list []eventstore.Recorded) history {
	return func(yield func(eventstore.Recorded, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// merge yields two histories as one, in the order of the log.
func merge(a, b history) history {
	return func(yield func(eventstore.Recorded, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()
		ra, errA, okA := nextA()
		rb, errB, okB := nextB()
		for okA || okB {
			if okA && (!okB || errA != nil || errB == nil && ra.Position.Compare(rb.Position) < 0) {
				if !yield(ra, errA) || errA != nil {
					return
				}
				ra, errA, okA = nextA()
				continue
			}
			if !yield(rb, errB) || errB != nil {
				return
			}
			rb, errB, okB = nextB()
		}
	}
}
