// Package commands is the one way in which anything changes: permission, load, scope, replay, decide, append.
package commands

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/people"
)

// Handler carries out commands. Make one with New; it is safe for concurrent use.
type Handler struct {
	store      eventstore.Store
	aggregates *cache
	watchers   watchers
	fresh      freshness
	people     *people.Vault
	invitation func(about string) string // makes the secrets of invitations; nil: by chance
	observe    func(command, outcome string, took time.Duration)
}

// Option changes what New makes.
type Option func(*Handler)

// CacheSize bounds the number of aggregates kept in memory; the default is 100,000.
func CacheSize(n int) Option { return func(h *Handler) { h.aggregates = newCache(n) } }

// Observe is told of each command: its type, how it ended ("done", "replayed", a refusal's code, or "error") and how long it took.
func Observe(f func(command, outcome string, took time.Duration)) Option {
	return func(h *Handler) { h.observe = f }
}

// New makes a Handler that appends to store.
func New(store eventstore.Store, options ...Option) *Handler {
	h := &Handler{store: store, aggregates: newCache(100_000), observe: func(string, string, time.Duration) {},
		fresh: freshness{asked: make(chan struct{}, 1), moved: make(chan struct{}, 1)}}
	for _, o := range options {
		o(h)
	}
	return h
}

// Store is the log that the handler appends to.
func (h *Handler) Store() eventstore.Store { return h.store }

// Request is what a command has besides its own fields: who, when, and which attempt of whose intent it is.
type Request struct {
	Actor domain.Actor
	At    time.Time // the moment that rules such as a license's expiry are judged by

	// ID identifies the intent: the same id again is a replay, whenever and wherever it comes.
	ID uuid.UUID
	// Fingerprint of the request's content. The same id with another fingerprint is refused. Empty means unchecked.
	Fingerprint string

	// Correlation is the activity that the command belongs to; zero means that it begins one, named by ID.
	Correlation uuid.UUID
	// Causation is the event that led to the command; zero means that a person or device did.
	Causation uuid.UUID

	// Since is a position that the log has reached after the request came: to know it up to there is enough to find that
	// there is nothing to do. Zero means up to its present end, which costs a look.
	Since eventstore.Position

	// Expected is the revision that the caller decided upon (If-Match); nil means any.
	Expected *eventstore.Revision
}

// Derive is the request of a further command that the same intent consists of. Its id follows from this one's and
// the step's name, so repeating the whole repeats each step. The expected revision stays with the first step.
func (rq Request) Derive(step string) Request {
	rq.Correlation = rq.correlation()
	rq.ID = uuid.NewSHA1(rq.ID, []byte(step))
	rq.Fingerprint, rq.Expected = "", nil
	return rq
}

// step is the request of a command that prepares or follows up the main one in another stream. Its id is new each time,
// since such a step may have been undone meanwhile: repeating it must look at the state, not at what was once done.
func (rq Request) step() Request {
	rq.Correlation = rq.correlation()
	rq.ID = uuid.New()
	rq.Fingerprint, rq.Expected = "", nil
	return rq
}

// alone is the same request as an activity of its own: what comes of it is seen apart from what led to it.
func (rq Request) alone() Request {
	rq.Correlation = uuid.Nil
	return rq
}

// NewID is the id for something that the intent creates; the same intent creates the same thing.
func (rq Request) NewID(what string) uuid.UUID { return uuid.NewSHA1(rq.ID, []byte("new "+what)) }

func (rq Request) correlation() uuid.UUID {
	if rq.Correlation == uuid.Nil {
		return rq.ID
	}
	return rq.Correlation
}

// Result tells where a command's events stand. A reader who must see them waits for Position.
type Result struct {
	Position eventstore.Position
	Revision eventstore.Revision // of the stream, after the command
	AsOf     eventstore.Position // the log up to here was considered; zero if that is not known
	Events   int                 // 0 if it was already so
	Replayed bool                // the same intent had been carried out before
}

const (
	attempts = 10
	patience = 10 * time.Second // for a command whose context has no deadline
)

// Do authorizes, loads, decides and appends. When it returns nil the events are durable.
// Refusals are *domain.Error; the outcome of any other error is unknown until the command is repeated with the same id.
func Do[S domain.State[S]](ctx context.Context, h *Handler, rq Request, c domain.Command[S]) (Result, error) {
	start := time.Now()
	res, err := do(ctx, h, rq, c)
	h.observe(reflect.TypeOf(c).String(), outcome(res, err), time.Since(start))
	return res, err
}

func do[S domain.State[S]](ctx context.Context, h *Handler, rq Request, c domain.Command[S]) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	if rq.ID == uuid.Nil || rq.At.IsZero() {
		return Result{}, errors.New("commands: a request needs an id and a time")
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	for try := 1; ; try++ {
		res, err := attempt(ctx, h, rq, c)
		switch {
		case errors.Is(err, eventstore.ErrConflict) && try < attempts:
		case errors.Is(err, eventstore.ErrConflict):
			return Result{}, domain.ErrBusy.With("Too many changes at once. Repeat with the same Idempotency-Key.")
		case errors.Is(err, eventstore.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			return Result{}, errors.Join(domain.ErrBusy, err)
		default:
			return res, err
		}
		select {
		case <-ctx.Done():
			return Result{}, errors.Join(domain.ErrBusy, ctx.Err())
		case <-time.After(rand.N(time.Duration(try) * 5 * time.Millisecond)): // so that rivals don't meet again
		}
	}
}

func outcome(res Result, err error) string {
	var refusal *domain.Error
	switch {
	case errors.As(err, &refusal):
		return refusal.Code
	case err != nil:
		return "error"
	case res.Replayed:
		return "replayed"
	}
	return "done"
}
