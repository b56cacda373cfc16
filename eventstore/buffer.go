package eventstore

import (
	"context"
	"sync"
)

// Buffer hands events from one goroutine that reads to one that uses them. The user takes all that is there at once,
// so that reading, decoding and using overlap and nobody waits per event.
type Buffer struct {
	maxEvents, maxBytes int

	mu     sync.Mutex
	events []Recorded
	spare  []Recorded // empty, to be filled next; nil: none
	bytes  int
	closed bool
	err    error

	filled, drained chan struct{} // each holds at most one signal
}

// NewBuffer makes a buffer that is full at so many events or bytes, whichever comes first. One event always fits.
func NewBuffer(events, bytes int) *Buffer {
	return &Buffer{maxEvents: events, maxBytes: bytes, filled: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

// Put adds an event, waiting while the buffer is full. The error is the context's.
func (b *Buffer) Put(ctx context.Context, r Recorded) error {
	size := r.size()
	for {
		b.mu.Lock()
		if n := len(b.events); n == 0 || n < b.maxEvents && b.bytes+size <= b.maxBytes {
			b.events = append(b.events, r)
			b.bytes += size
			b.mu.Unlock()
			if n == 0 {
				signal(b.filled)
			}
			return nil
		}
		b.mu.Unlock()
		select {
		case <-b.drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close says that no more events come, and why. What is in the buffer can still be taken.
func (b *Buffer) Close(err error) {
	b.mu.Lock()
	b.closed, b.err = true, err
	b.mu.Unlock()
	signal(b.filled)
}

// Take waits for events and takes what is there, at most so many, and, past the first, at most so many bytes. After
// the last event it returns the error that the buffer was closed with, and no events.
func (b *Buffer) Take(ctx context.Context, events, bytes int) ([]Recorded, error) {
	for {
		taken, ended, err := b.TryTake(events, bytes)
		if len(taken) > 0 || ended {
			return taken, err
		}
		select {
		case <-b.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryTake is Take without waiting. It reports whether the buffer is closed and empty.
func (b *Buffer) TryTake(events, bytes int) (taken []Recorded, ended bool, err error) {
	b.mu.Lock()
	if len(b.events) == 0 {
		defer b.mu.Unlock()
		return nil, b.closed, b.err
	}
	n, size := b.fitting(events, bytes)
	rest := b.events[n:]
	switch {
	case b.spare != nil:
		b.spare = append(b.spare, rest...)
		taken, b.events, b.spare = b.events[:n], b.spare, nil
		clear(rest)
	case len(rest) > 0:
		taken, b.events = b.events[:n:n], rest
	default:
		taken, b.events = b.events, make([]Recorded, 0, min(2*n, b.maxEvents))
	}
	b.bytes -= size
	b.mu.Unlock()
	signal(b.drained)
	return taken, false, nil
}

// GiveBack lets the buffer fill again what was taken from it, of which the caller must hold no part. Events are large: without
// it, an eighth of the portal's time in a catch-up goes into memory that is new each time.
func (b *Buffer) GiveBack(taken []Recorded) {
	if cap(taken) > 4*len(taken)+64 { // it comes from busier times
		return
	}
	clear(taken)
	b.mu.Lock()
	b.spare = taken[:0]
	b.mu.Unlock()
}

// Empty reports whether there is nothing to take just now.
func (b *Buffer) Empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events) == 0
}

// fitting counts the first events that together stay within both bounds.
func (b *Buffer) fitting(events, bytes int) (n, size int) {
	if len(b.events) <= events && b.bytes <= bytes {
		return len(b.events), b.bytes
	}
	for _, r := range b.events[:min(events, len(b.events))] {
		if n > 0 && size+r.size() > bytes {
			break
		}
		n, size = n+1, size+r.size()
	}
	return n, size
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// size is what an event takes in a buffer, in bytes: what is stored, and about as much as the rest of the struct.
func (r Recorded) size() int { return len(r.Data) + len(r.RawMeta) + 384 }
