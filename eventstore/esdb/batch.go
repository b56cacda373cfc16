package esdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"

	"avportal/eventstore"
)

// batch is one long-lived BatchAppend call that all callers share: their appends are pipelined, and the answers find
// them by correlation id. It never reconnects: when it breaks, its link is retired and everyone repeats on the next.
type batch struct {
	call    grpc.ClientStream
	cancel  context.CancelFunc
	timeout time.Duration // for which the server may leave an append unanswered
	done    sync.WaitGroup

	last atomic.Int64 // correlation id of the latest append

	mu      sync.Mutex
	waiting map[int64]*waiting // by correlation id
	queue   []message          // not handed to gRPC yet
	err     error              // once broken is closed

	queued chan struct{} // holds a signal when queue is not empty
	broken chan struct{}
}

// waiting is an append whose answer has not come.
type waiting struct {
	since time.Time
	out   chan outcome // has room for the one outcome
}

type outcome struct {
	position eventstore.Position
	err      error
}

// spare keeps what has waited for the next to wait.
var spare = sync.Pool{New: func() any { return &waiting{out: make(chan outcome, 1)} }}

func openBatch(c streams.StreamsClient, timeout time.Duration) (*batch, error) {
	ctx, cancel := context.WithCancel(context.Background())
	call, err := c.BatchAppend(ctx, grpc.ForceCodecV2(newMessages()))
	if err != nil {
		cancel()
		return nil, err
	}
	b := &batch{
		call: call, cancel: cancel, timeout: timeout,
		waiting: map[int64]*waiting{}, queued: make(chan struct{}, 1), broken: make(chan struct{}),
	}
	b.done.Go(b.send)
	b.done.Go(b.receive)
	b.done.Go(b.watch)
	return b, nil
}

// close ends the call; appends under way learn that it broke.
func (b *batch) close() {
	b.cancel()
	b.done.Wait()
}

// fail ends the call and tells everyone who waits.
func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	b.err = fmt.Errorf("%w: %w", errBroken, err)
	close(b.broken)
	b.cancel()
	for _, w := range b.waiting {
		w.out <- outcome{err: b.err}
	}
	clear(b.waiting)
}

// send hands gRPC all that waits: it writes as much of that at once as it can.
func (b *batch) send() {
	var sending []message
	for {
		select {
		case <-b.queued:
		case <-b.broken:
			return
		}
		b.mu.Lock()
		sending, b.queue = b.queue, sending[:0]
		b.mu.Unlock()
		for _, m := range sending {
			if err := b.call.SendMsg(m); err != nil {
				b.cancel() // the reason is with the receiver
				return
			}
		}
		clear(sending)
	}
}

func (b *batch) receive() {
	for {
		var m message
		err := b.call.RecvMsg(&m)
		var id int64
		var o outcome
		if err == nil {
			id, o, err = batchAnswer(m)
		}
		if err != nil {
			b.fail(err)
			return
		}
		b.mu.Lock()
		w := b.waiting[id]
		delete(b.waiting, id)
		b.mu.Unlock()
		if w != nil { // else its caller has left
			w.out <- o
		}
	}
}

// watch ends the call when an append has been without an answer for too long.
func (b *batch) watch() {
	tick := time.NewTicker(b.timeout / 8)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if b.silent(now) {
				b.fail(errSilent)
			}
		case <-b.broken:
			return
		}
	}
}

func (b *batch) silent(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.waiting {
		if now.Sub(w.since) >= b.timeout {
			return true
		}
	}
	return false
}

// append sends a write and waits for its answer, until the caller's context ends or the call breaks. The outcome is
// unknown after every error that transient says may go away.
func (b *batch) append(ctx context.Context, write write) (eventstore.Position, error) {
	id, w, err := b.enter(write)
	if err != nil {
		return eventstore.Position{}, err
	}
	select {
	case o := <-w.out:
		spare.Put(w)
		return o.position, o.err
	case <-ctx.Done():
		b.mu.Lock()
		delete(b.waiting, id)
		b.mu.Unlock()
		return eventstore.Position{}, leaving(ctx, w.since)
	}
}

func (b *batch) enter(write write) (int64, *waiting, error) {
	w := spare.Get().(*waiting)
	w.since = time.Now()
	id := b.last.Add(1)
	m := batchRequest(id, write, b.timeout)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, nil, b.err
	}
	b.waiting[id] = w
	b.queue = append(b.queue, m)
	if len(b.queue) == 1 {
		b.queued <- struct{}{} // there is room: whoever took the queue took the signal before
	}
	return id, w, nil
}

// suspicious is how long a server must have been silent for a caller's own deadline to speak against it.
const suspicious = time.Second

// leaving is the error of a caller whose context has ended. Callers whose deadlines pass one after the other must not
// hide that nobody answers any more, so a deadline that was not all too short counts as silence.
func leaving(ctx context.Context, began time.Time) error {
	cause := over(ctx)
	if errors.Is(cause, context.DeadlineExceeded) && time.Since(began) >= suspicious {
		return errors.Join(cause, errSilent)
	}
	return cause
}

// over is why a caller's context has ended, nil if it has not. A deadline that has passed counts before the context's own
// timer says so: gRPC has timers of its own, which may be quicker, and what they say is not the connection's fault.
func over(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
