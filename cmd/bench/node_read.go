package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/wire"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
)

// nodeReads measures reads and subscriptions beside a bare gRPC server that streams the very same messages from memory.
func (b *bench) nodeReads(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(n *node.Node, _ *esdb.Store) error {
		address := n.Addr().String()
		for _, streams := range []int{1, 1000} {
			if _, err := fillNode(ctx, address, streams, b.readEvents); err != nil {
				return err
			}
		}
		r, err := wire.NewReader(address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		category := wire.Stream("$ce-" + nodeTenant)
		category.ResolveLinks = true
		for _, read := range []struct {
			what    string
			events  int
			options *streams.ReadReq_Options
		}{
			{"read of a stream", b.readEvents, wire.Stream(filledStream(1, 0))},
			{"read of $ce-<tenant>, links resolved", 2 * b.readEvents, category},
			{"read of $all without system events", 2 * b.readEvents, wire.All()},
			{"catch-up subscription to $all", 2 * b.readEvents, wire.Subscription(wire.All())},
		} {
			one, err := b.nodeRead(ctx, r, read.what, read.events, read.options)
			if err != nil {
				return fmt.Errorf("%s: %w", read.what, err)
			}
			rows = append(rows, one)
		}
		return nil
	})
	return rows, err
}

func (b *bench) nodeRead(ctx context.Context, r *wire.Reader, what string, events int, o *streams.ReadReq_Options) (_ row, err error) {
	var answers [][]byte
	if _, err := r.Read(ctx, o, events, func(answer []byte) { answers = append(answers, append([]byte(nil), answer...)) }); err != nil {
		return row{}, err
	}
	bare, err := wire.NewBare(answers)
	if err != nil {
		return row{}, err
	}
	defer bare.Close()
	besides, err := wire.NewReader(bare.Address())
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, besides.Close()) }()
	way := func(name string, r *wire.Reader, limit int) measure.Way {
		return measure.Way{Name: name, Run: func(ctx context.Context) (measure.Sample, error) {
			began := time.Now()
			got, err := r.Read(ctx, o, limit, nil)
			if err == nil && got != events {
				err = fmt.Errorf("%w: %d events of %d", errDiffers, got, events)
			}
			return measure.Sample{Ops: got, Took: time.Since(began)}, err
		}}
	}
	limit := math.MaxInt
	if o.GetSubscription() != nil {
		limit = events
	}
	p := b.plan(1)
	p.Disk = nil
	rounds, err := p.Run(ctx, way("node", r, limit), way("bare", besides, limit))
	if err != nil {
		return row{}, err
	}
	return compared(noTarget, "node: "+what+", events", "bare gRPC streaming of the same bytes", rounds, over(rate("node"), rate("bare"))).
		absolute(rounds, rate("node"), rate("bare"), perSecond), nil
}
