package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"avportal/cmd/bench/internal/measure"
	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections/postgres"
)

// bench is what the measurements share: a folder on the disk, the disk itself, and how much there is to do.
type bench struct {
	sizes
	dir    string
	disk   *measure.Disk
	log    *slog.Logger
	out    io.Writer // progress
	server *postgres.Server
}

// sizes are how much a mode measures.
type sizes struct {
	mode                          string
	rounds                        int
	repeat                        int           // how often a round is repeated when the disk was not steady
	slice                         time.Duration // of closed loops
	devices                       int           // of command measurements
	catchUp                       int           // devices in the table that a catch-up meets
	window                        int           // events of a catch-up
	missed                        int           // events in an outage, of which an hour is extrapolated
	lagFor                        time.Duration // how long an open loop sends at each rate, in each round
	fleets                        [3]int        // devices of the read measurements
	aggregates                    int           // in the cache whose size is taken
	rebuildDevices, rebuildEvents int           // of the log that is rebuilt
	longDevices                   int           // whose rebuild is measured in memory, with a log that grows longer
	naiveSeconds                  float64       // how long the slow way of a catch-up is watched
	readEvents                    int           // of the node's reads
	logEvents                     int           // in the log of a node or a portal that starts
}

var (
	quick = sizes{mode: "quick", rounds: 5, repeat: 1, slice: 300 * time.Millisecond, devices: 2_000, catchUp: 15_000, window: 30_000, missed: 120_000,
		lagFor: 1500 * time.Millisecond, fleets: [3]int{1_000, 10_000, 100_000}, aggregates: 50_000, naiveSeconds: 0.7,
		longDevices: 15_000, rebuildDevices: 20_000, rebuildEvents: 200_000, readEvents: 50_000, logEvents: 100_000}
	normal = sizes{mode: "default", rounds: 5, repeat: 3, slice: time.Second, devices: 5_000, catchUp: 200_000, window: 1_000_000, missed: 400_000,
		lagFor: 5 * time.Second, fleets: [3]int{1_000, 100_000, 1_000_000}, aggregates: 100_000, naiveSeconds: 2,
		longDevices: 20_000, rebuildDevices: 100_000, rebuildEvents: 1_000_000, readEvents: 100_000, logEvents: 1_000_000}
	full = sizes{mode: "full", rounds: 7, repeat: 5, slice: 3 * time.Second, devices: 5_000, catchUp: 200_000, window: 1_000_000, missed: 2_000_000,
		lagFor: 20 * time.Second, fleets: [3]int{1_000, 100_000, 1_000_000}, aggregates: 1_000_000, naiveSeconds: 5,
		longDevices: 20_000, rebuildDevices: 100_000, rebuildEvents: 1_000_000, readEvents: 200_000, logEvents: 10_000_000}
)

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.out, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (b *bench) plan(slices int) measure.Plan {
	return measure.Plan{Rounds: b.rounds, Slices: slices, Repeat: b.repeat, Disk: b.disk, Say: b.say}
}

// workDir makes a folder on a disk: where it was asked for, else among the temporary files unless these live in memory.
func workDir(asked string) (string, *measure.Disk, error) {
	candidates := []string{asked}
	if asked == "" {
		candidates = []string{os.TempDir(), "/var/tmp", "."}
	}
	var errs []error
	for _, base := range candidates {
		dir, err := os.MkdirTemp(base, "avbench-")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		disk, err := measure.NewDisk(dir)
		if err == nil {
			return dir, disk, nil
		}
		errs = append(errs, err, os.RemoveAll(dir))
	}
	return "", nil, errors.Join(errs...)
}

// withNode runs f beside an embedded node of its own, on the disk, and a store that is connected to it by gRPC.
func (b *bench) withNode(ctx context.Context, f func(n *node.Node, s *esdb.Store) error) (err error) {
	dir, err := os.MkdirTemp(b.dir, "node-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := node.Open(ctx, node.Config{Dir: dir, Logger: b.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s, err := esdb.Open(esdb.Config{ConnectionString: n.ConnectionString(), Registry: catalog.Registry(), Logger: b.log})
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, s.Close(closing))
	}()
	return f(n, s)
}

// postgresURL starts the bench's own server with the first call. It is durable, whatever the environment names: a server
// for tests gives up the very thing that is measured.
func (b *bench) postgresURL(ctx context.Context) (string, error) {
	if b.server == nil {
		dir := filepath.Join(b.dir, "postgres")
		b.say("starting a durable Postgres")
		server, err := postgres.Start(ctx, postgres.Config{DataDir: dir, Log: b.log})
		if err != nil {
			return "", err
		}
		b.server = server
	}
	return b.server.URL(), nil
}

func (b *bench) close() error {
	var errs []error
	if b.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		errs = append(errs, b.server.Stop(ctx))
	}
	return errors.Join(append(errs, b.disk.Close(), os.RemoveAll(b.dir))...)
}
