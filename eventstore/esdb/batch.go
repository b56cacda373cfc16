package esdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"

	"avportal/eventstore"
)

// batch is one long-lived BatchAppend call that all callers share: their appends are pipelined, and the answers find
// them by correlation id. It never reconnects: when it breaks, its link is retired and everyone repeats on the next.
type batch struct {
	stream streams.Streams_BatchAppendClient
	cancel context.CancelFunc
	queue  chan *streams.BatchAppendReq
	done   sync.WaitGroup

	mu      sync.Mutex
	last    int64                  // correlation id of the latest append
	waiting map[int64]chan outcome // by correlation id; each channel has room for its one outcome
	err     error                  // once broken is closed
	broken  chan struct{}
}

type outcome struct {
	position eventstore.Position
	err      error
}

func openBatch(c streams.StreamsClient) (*batch, error) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := c.BatchAppend(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	b := &batch{
		stream: stream, cancel: cancel, queue: make(chan *streams.BatchAppendReq, 64),
		waiting: map[int64]chan outcome{}, broken: make(chan struct{}),
	}
	b.done.Go(b.send)
	b.done.Go(b.receive)
	return b, nil
}

// close ends the call; appends under way learn that it broke.
func (b *batch) close() {
	b.cancel()
	b.done.Wait()
}

func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = fmt.Errorf("%w: %w", errBroken, err)
		close(b.broken)
		b.cancel()
	}
}

func (b *batch) send() {
	for {
		select {
		case r := <-b.queue:
			if err := b.stream.Send(r); err != nil {
				b.cancel() // the reason is with the receiver
				return
			}
		case <-b.broken:
			return
		}
	}
}

func (b *batch) receive() {
	for {
		answer, err := b.stream.Recv()
		if err != nil {
			b.fail(err)
			return
		}
		id := answer.GetCorrelationId().GetStructured().GetLeastSignificantBits()
		b.mu.Lock()
		out := b.waiting[id]
		delete(b.waiting, id)
		b.mu.Unlock()
		if out != nil { // else its caller has left
			out <- outcomeOf(answer)
		}
	}
}

// append sends a write and waits for its answer, until the caller's context ends or the server has been silent for so
// long. The outcome is unknown after every error that transient says may go away.
func (b *batch) append(ctx context.Context, w write, timeout time.Duration) (eventstore.Position, error) {
	id, out := b.enter()
	defer b.leave(id)
	began := time.Now()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case b.queue <- b.request(id, w, timeout):
	case <-b.broken:
		return eventstore.Position{}, b.err
	case <-timer.C:
		return eventstore.Position{}, errSilent
	case <-ctx.Done():
		return eventstore.Position{}, leaving(ctx, began)
	}
	select {
	case o := <-out:
		return o.position, o.err
	case <-timer.C:
		return eventstore.Position{}, errSilent
	case <-ctx.Done():
		return eventstore.Position{}, leaving(ctx, began)
	case <-b.broken:
	}
	select { // the answer may have come just before the end
	case o := <-out:
		return o.position, o.err
	default:
		return eventstore.Position{}, b.err
	}
}

func (b *batch) enter() (int64, chan outcome) {
	out := make(chan outcome, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	b.waiting[b.last] = out
	return b.last, out
}

func (b *batch) leave(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, id)
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

// outcomeOf reads an answer. Errors are told apart by their code, which is the same for all servers.
func outcomeOf(answer *streams.BatchAppendResp) outcome {
	if ok := answer.GetSuccess(); ok != nil {
		p := ok.GetPosition()
		return outcome{position: eventstore.Position{Commit: p.GetCommitPosition(), Prepare: p.GetPreparePosition()}}
	}
	refusal := answer.GetError()
	err := fmt.Errorf("%s (%s)", refusal.GetMessage(), codes.Code(refusal.GetCode())) //nolint:gosec // codes are small
	for _, detail := range refusal.GetDetails() {
		switch {
		case detail.MessageIs((*shared.WrongExpectedVersion)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrConflict, err)}
		case detail.MessageIs((*shared.MaximumAppendSizeExceeded)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrTooLarge, err)}
		case detail.MessageIs((*shared.StreamDeleted)(nil)), detail.MessageIs((*shared.AccessDenied)(nil)), detail.MessageIs((*shared.BadRequest)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", errFinal, err)}
		}
	}
	if codes.Code(refusal.GetCode()) == codes.AlreadyExists { //nolint:gosec // codes are small
		return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrConflict, err)}
	}
	return outcome{err: err} // a timeout on the server, or something unknown: not final
}
