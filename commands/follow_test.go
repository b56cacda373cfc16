package commands_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/eventstore"
)

// counted counts how often streams are read.
type counted struct {
	eventstore.Store
	reads atomic.Int64
}

func (c *counted) Read(ctx context.Context, s domain.Stream, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	c.reads.Add(1)
	return c.Store.Read(ctx, s, from, d, limit)
}

// following makes a handler that follows the log by a source of its own.
func (b bench) following(store eventstore.Store, source eventstore.Source, options ...commands.Option) *commands.Handler {
	h := commands.New(store, options...)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Follow(ctx, source)
	}()
	b.Cleanup(func() { cancel(); <-done })
	return h
}

func TestAHandlerThatFollowsNeedNotReadAgain(t *testing.T) {
	b := setup(t)
	store := &counted{Store: b.store}
	ours := b.following(store, store)
	b.customer("c1")
	same := func(name string) commands.Result {
		t.Helper()
		return must(commands.Do[customer.State](t.Context(), ours, request(admin()), rename("c1", name)))(t)
	}
	for before := int64(-1); store.reads.Load() != before; { // until it follows
		before = store.reads.Load()
		same("Ours")
	}
	before := store.reads.Load()
	for range 100 {
		if same("Ours").Events != 0 {
			t.Fatal("renamed what had the name")
		}
	}
	if n := store.reads.Load() - before; n > 5 {
		t.Errorf("the stream was read %d times to see that nobody has changed it", n)
	}
	must(commands.Do[customer.State](t.Context(), b.h, request(admin()), rename("c1", "Theirs")))(t)
	if same("Ours").Events != 1 {
		t.Error("what another process has changed was not changed back")
	}
}

// stuck is a source that tells nothing.
type stuck struct{}

func (stuck) Subscribe(ctx context.Context, _ eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		<-ctx.Done()
		yield(eventstore.Recorded{}, ctx.Err())
	}
}

// broken is a source that ends after each event.
type broken struct{ eventstore.Source }

func (b broken) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for r, err := range b.Source.Subscribe(ctx, after) {
			if yield(r, err) && err == nil {
				yield(eventstore.Recorded{}, errors.New("broken"))
			}
			return
		}
	}
}

func TestAWatcherIsWokenByAnotherProcess(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	ours := b.following(b.store, b.store)
	for began := time.Now(); ; {
		changed, stop := ours.Watch(customer.Stream(tenant, "c1"))
		name := fmt.Sprint("x", time.Since(began)) // until it follows, nobody is woken
		must(commands.Do[customer.State](t.Context(), b.h, request(admin()), rename("c1", name)))(t)
		select {
		case <-changed:
			stop()
			var seen string
			err := commands.Peek(t.Context(), ours, customer.Stream(tenant, "c1"), func(s customer.State, _ eventstore.Revision) { seen = s.Name() })
			if err != nil || seen != name {
				t.Errorf("who was woken sees %q instead of %q (%v)", seen, name, err)
			}
			return
		case <-time.After(20 * time.Millisecond):
			stop()
		}
		if time.Since(began) > 5*time.Second {
			t.Fatal("nobody was woken")
		}
	}
}

// naming is one operation on the name of a customer: giving it one, or looking.
type naming struct {
	customer domain.CustomerID
	to       string // empty: only looks
}

var names = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[domain.CustomerID][]porcupine.Operation{}
		for _, o := range history {
			id := o.Input.(naming).customer
			by[id] = append(by[id], o)
		}
		var all [][]porcupine.Operation
		for _, part := range by {
			all = append(all, part)
		}
		return all
	},
	Init: func() any { return "Customer" },
	Step: func(state, input, output any) (bool, any) {
		if to := input.(naming).to; to != "" {
			return output.(bool) == (to != state.(string)), to // whether it has changed the name
		}
		return output.(string) == state.(string), state
	},
}

// Several processes, of which some follow the log well, badly or not at all, with next to no memory or plenty of it, name the
// same customers and look at them: to each it is as if one did it after the other.
func TestNamesAreLinearizable(t *testing.T) {
	const customers, each = 200, 3000
	b := setup(t)
	for i := range customers {
		must(commands.Do[customer.State](t.Context(), b.h, request(admin()), customer.Import{
			Tenant: tenant, Customer: domain.CustomerID(fmt.Sprint("c", i)), Name: "Customer", At: now,
		}))(t)
	}
	tail := eventstore.NewTail(b.store, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go tail.Run(ctx)
	handlers := []*commands.Handler{
		b.h, b.following(b.store, b.store), b.following(b.store, b.store, commands.CacheSize(5)),
		b.following(b.store, tail), b.following(b.store, broken{b.store}), b.following(b.store, stuck{}, commands.CacheSize(10)),
	}
	began := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var wait sync.WaitGroup
	for client := range 48 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			h := handlers[client%len(handlers)]
			n := each
			if client%len(handlers) >= 4 {
				n /= 100 // those wait each time
			}
			for range n {
				o := porcupine.Operation{ClientId: client, Call: int64(time.Since(began))}
				o.Input, o.Output = b.nameOrLook(h, random, customers)
				o.Return = int64(time.Since(began))
				mu.Lock()
				history = append(history, o)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	t.Logf("%d operations in %s", len(history), time.Since(began))
	switch result := porcupine.CheckOperationsTimeout(names, history, time.Minute); result {
	case porcupine.Illegal:
		t.Error("not linearizable")
	case porcupine.Unknown:
		t.Error("could not be checked in time")
	}
}

func (b bench) nameOrLook(h *commands.Handler, random *rand.Rand, customers int) (naming, any) {
	in := naming{customer: domain.CustomerID(fmt.Sprint("c", random.IntN(customers)))}
	if random.IntN(3) == 0 {
		var seen string
		err := commands.Inspect(b.Context(), h, customer.Stream(tenant, in.customer), func(s customer.State, _ eventstore.Revision) { seen = s.Name() })
		if err != nil {
			b.Error(err)
		}
		return in, seen
	}
	in.to = fmt.Sprint("Name ", random.IntN(3))
	rq := request(admin())
	for {
		res, err := commands.Do[customer.State](b.Context(), h, rq, rename(in.customer, in.to))
		if errors.Is(err, domain.ErrBusy) { // too many rivals
			continue
		}
		if err != nil {
			b.Error(err)
		}
		return in, res.Events > 0
	}
}
