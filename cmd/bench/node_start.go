package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/wire"
)

// nodeStarts measures what a large log costs: the start of a node after a clean stop and after a kill, the disk, the memory.
// The node is a process of its own.
func (b *bench) nodeStarts(ctx context.Context) (rows []row, err error) {
	dir, err := os.MkdirTemp(b.dir, "node-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := startNode(ctx, dir)
	if err != nil {
		return nil, err
	}
	atRest, _, err := p.resident()
	if err != nil {
		return nil, errors.Join(err, p.kill())
	}
	b.say("filling a log with %d events", b.logEvents)
	began := time.Now()
	given, err := fillNode(ctx, p.address, 1000, b.logEvents)
	if err != nil {
		return nil, errors.Join(err, p.kill())
	}
	filled := time.Since(began)
	_, loaded, err := p.resident()
	if err = errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	size, err := folderSize(dir)
	if err != nil {
		return nil, err
	}
	rounds, large, err := b.restarts(ctx, dir)
	if err != nil {
		return nil, err
	}
	log := fmt.Sprintf("%d events", b.logEvents)
	return []row{
		compared(noTarget, "node: start after a clean stop, "+log, "start with an empty log", rounds, over(quantile("clean", 0.5), quantile("empty", 0.5))).
			absolute(rounds, quantile("clean", 0.5), quantile("empty", 0.5), latency),
		compared(noTarget, "node: start after kill -9, "+log, "start with an empty log", rounds, over(quantile("killed", 0.5), quantile("empty", 0.5))).
			absolute(rounds, quantile("killed", 0.5), quantile("empty", 0.5), latency),
		counted(noTarget, "node: bytes on disk per byte of event, "+log, float64(size)/float64(given)).
			noted("%.0f MB for %.0f MB that authors gave (data, metadata, type, id, stream name), with the links of two projections.", float64(size)/1e6, float64(given)/1e6),
		megabytes("node: memory at rest, empty log", atRest),
		megabytes("node: memory at rest, "+log, large),
		megabytes("node: most memory under load, "+log, loaded).
			noted("%s events written, in appends of a hundred.", perSecond(float64(b.logEvents)/filled.Seconds())),
	}, nil
}

func megabytes(what string, bytes float64) row {
	r := counted(noTarget, what, bytes/1e6)
	r.Unit = " MB"
	return r
}

// restarts starts the node on the log again and again, and on an empty one beside it.
func (b *bench) restarts(ctx context.Context, dir string) (rounds []measure.Round, resident float64, err error) {
	empty, err := os.MkdirTemp(b.dir, "empty-")
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(empty)) }()
	way := func(name, dir string, end func(*nodeProcess) error) measure.Way {
		return measure.Way{Name: name, Run: func(ctx context.Context) (measure.Sample, error) {
			s, p, err := timedStart(ctx, dir)
			if err != nil {
				return s, err
			}
			if now, _, err := p.resident(); err == nil && name == "clean" {
				resident = max(resident, now)
			}
			return s, end(p)
		}}
	}
	killed := 0
	writeAndKill := func(p *nodeProcess) error {
		killed++
		_, err := fillNode(ctx, p.address, 2000+killed, b.logEvents/20)
		return errors.Join(err, p.kill())
	}
	stop := (*nodeProcess).stop
	// Each of the three begins with what the way before it has left: the plan's turns keep their order.
	plan := b.plan(1)
	plan.Disk = nil
	for range plan.Rounds {
		one := plan
		one.Rounds = 1
		r, err := one.Run(ctx, way("empty", empty, stop), way("clean", dir, writeAndKill), way("killed", dir, stop))
		if err != nil {
			return nil, 0, err
		}
		rounds = append(rounds, r...)
	}
	return rounds, resident, nil
}

// timedStart starts a node, and waits for the answer to a read.
func timedStart(ctx context.Context, dir string) (measure.Sample, *nodeProcess, error) {
	began := time.Now()
	p, err := startNode(ctx, dir)
	if err != nil {
		return measure.Sample{}, nil, err
	}
	r, err := wire.NewReader(p.address)
	if err == nil {
		_, err = r.Read(ctx, wire.Stream("$users"), 1, nil)
		err = errors.Join(err, r.Close())
	}
	took := time.Since(began)
	if err != nil {
		return measure.Sample{}, nil, errors.Join(err, p.kill())
	}
	return measure.Sample{Ops: 1, Took: took, Latencies: []time.Duration{took}}, p, nil
}

func folderSize(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
