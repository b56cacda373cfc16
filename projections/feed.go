package projections

import (
	"context"

	"avportal/eventstore"
)

// feed brings one build what another goroutine reads for several.
type feed struct {
	batches chan []eventstore.Recorded
	err     error // read it when batches is closed
}

func (f *feed) put(ctx context.Context, events []eventstore.Recorded) error {
	select {
	case f.batches <- events:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *feed) close(err error) {
	f.err = err
	close(f.batches)
}

// take answers no events at the end, and why it is the end.
func (f *feed) take(ctx context.Context) ([]eventstore.Recorded, error) {
	select {
	case events, ok := <-f.batches:
		if !ok {
			return nil, f.err
		}
		return events, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
