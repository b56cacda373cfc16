package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/wire"
	"avportal/eventstore"
	store "avportal/eventstore/esdb"
	"avportal/eventstore/node"
)

// nodeAppends measures durable appends of one event each: over one batched stream, as the portal and most clients append,
// over a call for each, as the official Go client does, and by the storage engine alone with the same bytes.
func (b *bench) nodeAppends(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(n *node.Node, _ *store.Store) error {
		engine, closeEngine, err := b.engineAlone()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeEngine()) }()
		a := &nodeAppending{node: n, first: 0}
		for _, writers := range []int{1, 16, 64, 256} {
			more, err := b.appendsOf(ctx, a, engine, writers)
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
		return a.check(ctx)
	})
	return rows, err
}

func (b *bench) appendsOf(ctx context.Context, a *nodeAppending, engine func(w, i int) error, writers int) (rows []row, err error) {
	batched, closeBatched, err := a.batched(ctx, writers)
	if err != nil {
		return nil, err
	}
	unary, closeUnary, err := a.unary(writers)
	if err != nil {
		return nil, errors.Join(err, closeBatched())
	}
	defer func() { err = errors.Join(err, closeBatched(), closeUnary()) }()
	way := func(name string, write func(w, i int) error) measure.Way {
		next := make([]int, writers) // each writer goes on where it was
		return measure.Way{Name: name, Run: func(ctx context.Context) (measure.Sample, error) {
			return measure.Closed(ctx, b.slice/2, writers, func(_ context.Context, w, _ int) error {
				next[w]++
				return write(w, next[w]-1)
			})
		}}
	}
	rounds, err := b.plan(2).Run(ctx, way("node", batched), way("engine", engine), way("unary", unary),
		measure.Way{Name: "flush", Run: func(context.Context) (measure.Sample, error) { return b.disk.Flushes(100) }})
	if err != nil {
		return nil, err
	}
	target := noTarget
	if writers >= 64 {
		target = t23
	}
	what := fmt.Sprintf("node: durable appends, batched stream, %d writers", writers)
	return []row{
		compared(target, what, "storage engine alone, same bytes", rounds, over(rate("node"), rate("engine"))).absolute(rounds, rate("node"), rate("engine"), perSecond).
			noted("%s flushes (4 KiB, fdatasync); the official client, one call an append: %s.", perSecond(median(rounds, rate("flush"))), perSecond(median(rounds, rate("unary")))),
	}, nil
}

// nodeAppending makes the node's writers. Each has a stream of its own.
type nodeAppending struct {
	node         *node.Node
	first        int // writer that has no stream yet
	acknowledged atomic.Int64
}

func (a *nodeAppending) streams(writers int) []string {
	names := make([]string, writers)
	for w := range names {
		names[w] = nodeStream(a.first + w)
	}
	a.first += writers
	return names
}

func (a *nodeAppending) batched(ctx context.Context, writers int) (write func(w, i int) error, done func() error, err error) {
	client, err := wire.NewAppender(ctx, a.node.Addr().String(), writers)
	if err != nil {
		return nil, nil, err
	}
	first, names := a.first, a.streams(writers)
	return func(w, i int) error {
		err := client.Append(w, names[w], eventstore.Revision(i-1), nodeEvent(first+w, i, nodeID(first+w, i)))
		if err == nil {
			a.acknowledged.Add(1)
		}
		return err
	}, client.Close, nil
}

func (a *nodeAppending) unary(writers int) (write func(w, i int) error, done func() error, err error) {
	cfg, err := esdb.ParseConnectionString(a.node.ConnectionString())
	if err != nil {
		return nil, nil, err
	}
	cfg.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(cfg)
	if err != nil {
		return nil, nil, err
	}
	first, names := a.first, a.streams(writers)
	return func(w, i int) error {
		var expected esdb.ExpectedRevision = esdb.NoStream{}
		if i > 0 {
			expected = esdb.Revision(uint64(i - 1)) //nolint:gosec // not negative
		}
		e := nodeEvent(first+w, i, nodeID(first+w, i))
		_, err := client.AppendToStream(context.Background(), names[w], esdb.AppendToStreamOptions{ExpectedRevision: expected},
			esdb.EventData{EventID: e.ID, EventType: e.Type, ContentType: esdb.ContentTypeJson, Data: e.Data, Metadata: e.Metadata})
		if err == nil {
			a.acknowledged.Add(1)
		}
		return err
	}, client.Close, nil
}

// check counts what is in the log.
func (a *nodeAppending) check(ctx context.Context) error {
	r, err := wire.NewReader(a.node.Addr().String())
	if err != nil {
		return err
	}
	found, err := r.Read(ctx, wire.All(), math.MaxInt, nil)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if int64(found) != a.acknowledged.Load() {
		return fmt.Errorf("%w: %d appends were acknowledged, the log has %d", errDiffers, a.acknowledged.Load(), found)
	}
	return nil
}

// engineAlone is what the node stands on: one synced write of the same bytes for each append.
func (b *bench) engineAlone() (write func(w, i int) error, done func() error, err error) {
	dir, err := os.MkdirTemp(b.dir, "engine-")
	if err != nil {
		return nil, nil, err
	}
	db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}, MemTableSize: 32 << 20})
	if err != nil {
		return nil, nil, err
	}
	var position atomic.Uint64
	return func(w, i int) error {
		e := nodeEvent(w, i, nodeID(w, i))
		value := append(append([]byte(e.Type), e.Data...), e.Metadata...)
		return db.Set(binary.BigEndian.AppendUint64(nil, position.Add(1)), value, pebble.Sync)
	}, func() error { return errors.Join(db.Close(), os.RemoveAll(dir)) }, nil
}

// silent keeps the engine's messages to itself.
type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Errorf(string, ...any)          {}
func (silent) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
