package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

var _ message.Subscriber = (*Subscriber)(nil)

// Checkpoints knows how far each consumer has come: the position of the last event whose effects are stored, in the
// same transaction as those effects. The zero Position means that it begins with the first event.
type Checkpoints interface {
	Checkpoint(ctx context.Context, consumer string) (Position, error)
}

// Source is what a Subscriber reads. Every Store is one.
type Source interface {
	Subscribe(ctx context.Context, after Position) iter.Seq2[Recorded, error]
}

// Defaults of a Subscriber.
const (
	defaultMaxBatch      = 5000
	defaultMaxBatchBytes = 8 << 20
)

// Subscriber brings the log to Watermill. The topic is the name of a consumer, and one message is one batch of events,
// to be had by BatchFrom from the message's context. A consumer gets its batches one after the other: the next when
// the one before is acked. After a nack, and after any other fault, it begins anew at its checkpoint.
//
// A batch is whatever has arrived while the one before was used, so under load batches grow by themselves. The limit of their
// size falls to one event with a nack and doubles with each ack, so when a batch is refused the event at fault is soon alone in
// one, refused again and again with growing pauses: it is never skipped.
//
// Source and Checkpoints are needed, the rest has defaults. Do not change fields after the first Subscribe.
type Subscriber struct {
	Source      Source
	Checkpoints Checkpoints

	MaxBatch      int          // events; 0 for 5,000
	MaxBatchBytes int          // 0 for 8 MiB; one event always fits
	Retry         Backoff      // after faults and nacks; zero for 5 ms to 5 s
	Logger        *slog.Logger // nil for none

	mu       sync.Mutex
	closing  chan struct{} // made by the first Subscribe or Close
	closed   bool
	sessions sync.WaitGroup
}

// Subscribe starts a consumer. The channel is closed when the context ends or the subscriber closes.
func (s *Subscriber) Subscribe(ctx context.Context, consumer string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the subscriber is closed")
	}
	if s.closing == nil {
		s.closing = make(chan struct{})
	}
	c := &consumption{
		name: consumer, source: s.Source, checkpoints: s.Checkpoints,
		maxBatch: s.MaxBatch, maxBytes: s.MaxBatchBytes, retry: s.Retry, logger: s.Logger,
		out: make(chan *message.Message),
	}
	c.setDefaults()
	ctx, cancel := context.WithCancel(ctx)
	s.sessions.Go(func() {
		defer cancel()
		defer close(c.out)
		c.run(ctx)
	})
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return c.out, nil
}

// Close ends all consumers and waits until they have. A message that is neither acked nor nacked by then is given up;
// its batch comes again after the next start, unless its effects have been stored.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.closing == nil {
			s.closing = make(chan struct{})
		}
		close(s.closing)
	}
	s.mu.Unlock()
	s.sessions.Wait()
	return nil
}

// consumption is one consumer's way through the log.
type consumption struct {
	name               string
	source             Source
	checkpoints        Checkpoints
	maxBatch, maxBytes int
	retry              Backoff
	logger             *slog.Logger
	out                chan *message.Message

	limit    int // events in the next batch
	failures int // since the last ack
}

func (c *consumption) setDefaults() {
	if c.maxBatch <= 0 {
		c.maxBatch = defaultMaxBatch
	}
	if c.maxBytes <= 0 {
		c.maxBytes = defaultMaxBatchBytes
	}
	if c.retry == (Backoff{}) {
		c.retry = Backoff{Min: 5 * time.Millisecond, Max: 5 * time.Second}
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	c.limit = c.maxBatch
}

// run is the one loop that starts and recovers.
func (c *consumption) run(ctx context.Context) {
	for {
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		c.failures++
		c.logger.Warn("consumer stopped, beginning again at its checkpoint", "consumer", c.name, "failures", c.failures, "cause", err)
		if c.retry.Wait(ctx, c.failures) != nil {
			return
		}
	}
}

var errNacked = errors.New("batch was refused")

// session reads from the stored checkpoint until something breaks.
func (c *consumption) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()

	// 1. Where the effects end is where to begin, whatever was sent before.
	after, err := c.checkpoints.Checkpoint(ctx, c.name)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// 2. Read ahead while batches are used.
	ahead := NewBuffer(2*c.maxBatch, 2*c.maxBytes)
	reading.Go(func() { ahead.Close(c.read(ctx, after, ahead)) })
	for {
		// 3. What is there becomes a batch, up to the limit.
		events, err := ahead.Take(ctx, c.limit, c.maxBytes)
		if len(events) == 0 {
			return err
		}
		batch := Batch{After: after, Events: events, More: !ahead.Empty()}
		// 4. Send it and wait for the verdict.
		if err := c.deliver(ctx, batch); err != nil {
			if errors.Is(err, errNacked) {
				c.limit = 1 // the next refusals close in on the event at fault
			}
			return err
		}
		c.limit, c.failures = min(2*c.limit, c.maxBatch), 0
		after = batch.Last()
		ahead.GiveBack(events)
	}
}

func (c *consumption) read(ctx context.Context, after Position, ahead *Buffer) error {
	for r, err := range c.source.Subscribe(ctx, after) {
		if err != nil {
			return err
		}
		if err := ahead.Put(ctx, r); err != nil {
			return err
		}
	}
	return errors.New("the subscription ended")
}

func (c *consumption) deliver(ctx context.Context, batch Batch) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Watermill's convention: a message's context ends with its verdict
	m := NewMessage(ctx, batch)
	select {
	case c.out <- m:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-m.Acked():
		return nil
	case <-m.Nacked():
		return fmt.Errorf("%w: %d events after %v", errNacked, len(batch.Events), batch.After)
	case <-ctx.Done():
		return ctx.Err()
	}
}
