package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
)

// Config is what an Engine works with.
type Config struct {
	DB       *pgxpool.Pool    // for the projectors; readers have a pool of their own. Each running view takes one connection out of it
	Store    eventstore.Store // the log
	Tail     *eventstore.Tail // of the log, for those who have caught up; nil for a subscription of each view and policy
	Views    []View
	Policies []Policy
	Log      *slog.Logger // nil for none

	MaxBatch int                // events in one transaction; 0 for the subscriber's default
	Retry    eventstore.Backoff // after an error of one view or policy; zero for the subscriber's default

	// BuildRows bounds how many rows of each table a rebuild holds in memory; 0 for a million.
	BuildRows int

	// RenewFrom is how many events a live view must have missed to be renewed: to have its tables written anew, instead of row by
	// row, if one of them has half as many rows, and all together fewer than it has missed events. 0 for 20,000, less for never.
	RenewFrom int

	// KeepPrevious is how long the generation before a swap goes on following the log, so that Rollback is instant and loses
	// nothing; then it is dropped. 0 for a day, less for not at all.
	KeepPrevious time.Duration

	// VerifyEvery is how often each view is compared with its rebuild, by the portal that moves it; 0 for never. The outcome
	// stands in Status and in the metrics.
	VerifyEvery time.Duration

	// AsOf bounds the moments of the past that are kept.
	AsOf AsOfLimits
}

// Engine keeps views and policies up with the log.
type Engine struct {
	Config
	signals   *Signals
	metrics   *metrics
	lag       *lagMeter
	owner     string
	consumers map[string]consumer
	building  chan struct{} // holds one token for each build that may run at a time

	mu       sync.Mutex
	progress map[string]Progress // of builds that are running here
}

// consumer is a view or a policy as Watermill meets it.
type consumer interface {
	checkpoint(ctx context.Context) (eventstore.Position, error)
	apply(ctx context.Context, b eventstore.Batch) error
	stop()
}

// New checks views and policies for mistakes. Run starts them.
func New(c Config) (*Engine, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.BuildRows == 0 {
		c.BuildRows = 1_000_000
	}
	if c.RenewFrom == 0 {
		c.RenewFrom = renewFrom
	}
	if c.KeepPrevious == 0 {
		c.KeepPrevious = 24 * time.Hour
	}
	c.AsOf.setDefaults()
	e := &Engine{
		Config: c, signals: newSignals(), metrics: newMetrics(), lag: &lagMeter{}, owner: uuid.NewString(),
		consumers: map[string]consumer{}, building: make(chan struct{}, 2), progress: map[string]Progress{},
	}
	for _, v := range c.Views {
		if err := v.check(); err != nil {
			return nil, err
		}
		if e.consumers[v.Name] != nil {
			return nil, fmt.Errorf("there are two views %s", v.Name)
		}
		e.consumers[v.Name] = &projector{engine: e, view: v, schema: v.Name}
	}
	for _, v := range c.Views {
		if e.consumers[v.Name+suffixPrev] != nil {
			return nil, fmt.Errorf("view %s has the name of a generation of another", v.Name+suffixPrev)
		}
		e.consumers[v.Name+suffixPrev] = &projector{engine: e, view: v, schema: v.Name + suffixPrev}
	}
	for _, p := range c.Policies {
		name := policyTopic(p.Name)
		if p.Name == "" || e.consumers[name] != nil {
			return nil, fmt.Errorf("policy %q has no name, or there are two of it", p.Name)
		}
		e.consumers[name] = &policyRunner{engine: e, policy: p}
	}
	return e, nil
}

// Signals tell within this process when views move.
func (e *Engine) Signals() *Signals { return e.signals }

// Run keeps all views and policies going until the context ends. A view that does not exist, or is of an older version, is
// built and swapped in first. A view or policy that meets an event that it can't apply stops before it, says so in Status,
// and tries again with growing pauses; all others go on. The error is nil unless Run could not start.
func (e *Engine) Run(ctx context.Context) error {
	if err := Migrate(ctx, e.DB); err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, watermill.NewSlogLogger(e.Log))
	if err != nil {
		return err
	}
	router.AddMiddleware(middleware.Recoverer)
	subscriber := &eventstore.Subscriber{Source: e.source(), Checkpoints: e, MaxBatch: e.MaxBatch, Retry: e.Retry, Logger: e.Log}
	for name := range e.consumers {
		router.AddConsumerHandler(name, name, subscriber, e.Handler(name))
	}
	defer e.Stop()
	watch, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { e.watchHead(watch) })
	watching.Go(func() { e.keepTidy(watch) })
	if e.VerifyEvery > 0 {
		watching.Go(func() { e.keepVerifying(watch) })
	}
	defer watching.Wait()
	defer cancel()
	if len(e.consumers) == 0 {
		<-ctx.Done()
		return nil
	}
	return router.Run(ctx)
}

func (e *Engine) source() eventstore.Source {
	if e.Tail != nil {
		return e.Tail
	}
	return e.Store
}

// Handler is the Watermill handler of one view, or of one policy as "policy/<name>". Its subscriber must have the engine
// as its Checkpoints.
func (e *Engine) Handler(consumer string) message.NoPublishHandlerFunc {
	c := e.consumers[consumer]
	return func(m *message.Message) error {
		b, ok := eventstore.BatchFrom(m.Context())
		if !ok || c == nil {
			return fmt.Errorf("consumer %s: a message without a batch, or for nobody", consumer)
		}
		return c.apply(m.Context(), b)
	}
}

var _ eventstore.Checkpoints = (*Engine)(nil)

// Checkpoint implements eventstore.Checkpoints. It answers when this process is the one to move the consumer, which may
// be long after it was asked: while another portal works, or while the view is being built.
func (e *Engine) Checkpoint(ctx context.Context, consumer string) (eventstore.Position, error) {
	c := e.consumers[consumer]
	if c == nil {
		return eventstore.Position{}, fmt.Errorf("there is no view or policy %s", consumer)
	}
	return c.checkpoint(ctx)
}

// view finds a view of the configuration.
func (e *Engine) view(name string) (View, error) {
	for _, v := range e.Views {
		if v.Name == name {
			return v, nil
		}
	}
	return View{}, fmt.Errorf("view %q: %w", name, ErrNoView)
}

// watchHead notes where the log ends, once a second, so that lag can be told in seconds.
func (e *Engine) watchHead(ctx context.Context) {
	for {
		headCtx, cancel := context.WithTimeout(ctx, time.Second)
		if head, err := e.Store.Head(headCtx); err == nil {
			e.lag.saw(head, time.Now())
		}
		cancel()
		if err := sleep(ctx, time.Second); errors.Is(err, context.Canceled) || err != nil {
			return
		}
	}
}

// Stop lets other portals take over. Run does it at its end; it is for those that call Checkpoint and Handler themselves.
func (e *Engine) Stop() {
	for _, c := range e.consumers {
		c.stop()
	}
}
