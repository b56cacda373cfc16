package measure

import (
	"context"
	"sync"
	"time"
)

// Open sends at a fixed rate, however long each takes, as devices do: what is late does not hold back what comes after.
// Each call is told when it was due, so that waiting for a free caller counts as latency, too. It returns when all calls
// have returned; the first error ends it.
func Open(ctx context.Context, perSecond int, lasts time.Duration, callers int, call func(ctx context.Context, i int, due time.Time) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	total := int(lasts.Seconds() * float64(perSecond))
	due := make(chan int, total) // never full: the clock must not wait for anybody
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second / time.Duration(perSecond)) }
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range due {
				if ctx.Err() != nil {
					return
				}
				if err := call(ctx, i, at(i)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range total {
		if wait := time.Until(at(i)); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		due <- i
	}
	close(due)
	wg.Wait()
	return context.Cause(ctx)
}

// Closed lets callers call one after the other for a while, as fast as they can, and counts. The first error ends it.
func Closed(ctx context.Context, lasts time.Duration, callers int, call func(ctx context.Context, caller, i int) error) (Sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	latencies := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	began := time.Now()
	for c := range callers {
		wg.Go(func() {
			for i := 0; time.Since(began) < lasts && ctx.Err() == nil; i++ {
				one := time.Now()
				if err := call(ctx, c, i); err != nil {
					cancel(err)
					return
				}
				latencies[c] = append(latencies[c], time.Since(one))
			}
		})
	}
	wg.Wait()
	s := Sample{Took: time.Since(began)}
	for _, l := range latencies {
		s.Ops += len(l)
		s.Latencies = append(s.Latencies, l...)
	}
	return s, context.Cause(ctx)
}
