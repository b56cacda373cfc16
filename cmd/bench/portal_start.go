package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/cmd/internal/portal"
	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
)

// portalStart measures how long a portal with a large log and current views takes from its start until it answers requests
// and knows that its views are current: its node, its Postgres, and all that it does.
func (b *bench) portalStart(ctx context.Context) (rows []row, err error) {
	dir, err := os.MkdirTemp(b.dir, "portal-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	events, err := b.fillPortal(ctx, filepath.Join(dir, "eventstore"))
	if err != nil {
		return nil, err
	}
	cfg := portal.Config{Listen: "127.0.0.1:0", NodeListen: "127.0.0.1:0", DataDir: dir, Log: b.log}
	b.say("building the views of %d events", events)
	if _, err := timedPortal(ctx, cfg); err != nil {
		return nil, err
	}
	p := b.plan(1)
	p.Disk = nil
	rounds, err := p.Run(ctx, measure.Way{Name: "start", Run: func(ctx context.Context) (measure.Sample, error) { return timedPortal(ctx, cfg) }})
	if err != nil {
		return nil, err
	}
	current := func(r measure.Round) float64 { return measure.Quantile(r.Of["start"].Also, 0.5).Seconds() }
	return []row{
		compared(t24, fmt.Sprintf("start of a portal, %d events, until its views are current", events), "-", rounds, current).
			absolute(rounds, current, current, latency).noted("it answers requests after %s.", latency(median(rounds, quantile("start", 0.5)))),
	}, nil
}

// fillPortal writes the history of a fleet into the log of a portal that does not run.
func (b *bench) fillPortal(ctx context.Context, dir string) (events int, err error) {
	b.say("filling a log with %d events", b.logEvents)
	n, err := node.Open(ctx, node.Config{Dir: dir, Logger: b.log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s, err := esdb.Open(esdb.Config{ConnectionString: n.ConnectionString(), Registry: catalog.Registry(), Logger: b.log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	fleet := workload.New(7, workload.Shape{Tenants: 20, Devices: b.logEvents / 12, Reserved: b.logEvents / 12})
	l := newLoader(ctx, s)
	defer l.close()
	if err := l.begin(fleet); err != nil {
		return 0, err
	}
	for l.events < b.logEvents {
		if err := fleet.Next(l.append); err != nil {
			return 0, err
		}
	}
	return l.events, l.wait()
}

// timedPortal starts a portal, and ends it when its views are current.
func timedPortal(ctx context.Context, cfg portal.Config) (measure.Sample, error) {
	began := time.Now()
	p, err := portal.Start(ctx, cfg)
	if err != nil {
		return measure.Sample{}, err
	}
	serving := time.Since(began)
	err = p.WaitCaughtUp(ctx)
	current := time.Since(began)
	return measure.Sample{Ops: 1, Took: current, Latencies: []time.Duration{serving}, Also: []time.Duration{current}}, errors.Join(err, p.Close())
}
