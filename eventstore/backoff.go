package eventstore

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait before trying again: Min after the first failure, then twice as long each time up to
// Max, always between half and the whole of that, so that many who failed together do not return together.
type Backoff struct{ Min, Max time.Duration }

// Wait waits after so many failures in a row, from 1. It returns early, with the context's error, when that ends.
func (b Backoff) Wait(ctx context.Context, failures int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(b.delay(failures))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b Backoff) delay(failures int) time.Duration {
	d := b.Min
	for range failures - 1 {
		if d *= 2; d >= b.Max {
			d = b.Max
			break
		}
	}
	return d/2 + rand.N(d/2+1)
}
