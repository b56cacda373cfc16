// Package esdb is the portal's view of a real EventStoreDB, or of anything that speaks its protocol. It is the only
// user of the official client, and cures what that client suffers from (seen with v4.2.0): after about a second
// without a server it is dead for good, calls hang past their contexts, and closing it may panic.
//
// The cure: a link holds one client and one gRPC connection of our own. Every call into the client runs in a goroutine
// of its own, and its caller leaves when its own time is up. Whatever hints at a broken connection retires the link;
// the next call gets a new one, and a retired client is closed when the last call into it has returned. Appends are
// repeated with the same event ids at the same exact revision, which EventStoreDB answers as if done once.
package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/domain"
	"avportal/eventstore"
)

var _ eventstore.Store = (*Store)(nil)

// Config says where the event store is, and what its events mean.
type Config struct {
	ConnectionString string             // "esdb://..." or "esdb+discover://...", as for every EventStoreDB client
	Registry         *domain.Registry   // the event types of this build
	Keys             eventstore.Keyring // of the people in the log; events with personal texts are errors without it
	Logger           *slog.Logger       // nil for none; the client's own log goes there as debug

	// CallTimeout is how long a server may be silent before its connection counts as broken; 0 for 5 seconds. It does
	// not bound a whole call: that is what the caller's context is for.
	CallTimeout time.Duration

	// MaxCalls bounds how many reads and subscriptions run at a time; 0 for 1024. Further ones wait for their turn.
	MaxCalls int
}

// Store is safe for concurrent use. Make it with Open.
type Store struct {
	registry    *domain.Registry
	keys        eventstore.Keyring
	logger      *slog.Logger
	target      target
	callTimeout time.Duration
	unary       bool          // never use BatchAppend
	calls       chan struct{} // one for each call into the client that has not returned

	ctx  context.Context // ends when the store closes
	stop context.CancelFunc

	mu         sync.Mutex
	current    *link       // nil while there is none
	connecting *connecting // nil unless somebody is making one
	active     int         // goroutines and calls that Close waits for
	closed     bool
	idle       chan struct{} // closed when closed and nothing is active
}

var errClosed = errors.New("the event store is closed")

// retryCalls and retryConnecting pace what is repeated while the server is away.
var (
	retryCalls      = eventstore.Backoff{Min: 10 * time.Millisecond, Max: 500 * time.Millisecond}
	retryConnecting = eventstore.Backoff{Min: 20 * time.Millisecond, Max: 500 * time.Millisecond}
)

// Open makes a store. It connects with the first call, so the server need not be there yet.
func Open(cfg Config) (*Store, error) {
	if cfg.Registry == nil {
		return nil, errors.New("open event store: no registry of event types")
	}
	parsed, err := client.ParseConnectionString(cfg.ConnectionString)
	if err == nil {
		err = parsed.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("open event store: connection string: %w", err)
	}
	s := &Store{
		registry: cfg.Registry, keys: cfg.Keys, logger: cfg.Logger, callTimeout: cfg.CallTimeout,
		calls: make(chan struct{}, max(cfg.MaxCalls, 0)), idle: make(chan struct{}),
	}
	if cfg.MaxCalls <= 0 {
		s.calls = make(chan struct{}, 1024)
	}
	if s.callTimeout <= 0 {
		s.callTimeout = 5 * time.Second
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.target, err = newTarget(*parsed, s.logger); err != nil {
		return nil, fmt.Errorf("open event store: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends all subscriptions, reads and appends, and waits until they have returned or the context ends.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.stop()
		s.retireLocked(s.current)
		s.becomeIdleLocked()
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("close event store: %d calls have not returned: %w", s.active, ctx.Err())
	}
}

// beginLocked counts something that Close waits for; end takes it off.
func (s *Store) beginLocked() { s.active++ }

func (s *Store) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	s.becomeIdleLocked()
}

func (s *Store) becomeIdleLocked() {
	if s.closed && s.active == 0 {
		close(s.idle)
	}
}

// bound gives a context that ends with the caller's and with the store.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil) }
}
