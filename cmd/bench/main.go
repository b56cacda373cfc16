// Command bench measures the portal beside the naive way and beside the physical limit, in turns within one run, and
// prints one table. It exits with 1 when a result differs from a fold of the log, or something broke; a floor that is missed
// is told, and is an error only with --strict.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/internal/portal"
)

// cell is one measurement, which gives some rows.
type cell struct {
	name    string
	targets []string
	run     func(*bench, context.Context) ([]row, error)
}

var cells = []cell{
	{"one caller", []string{"T10", "T7", "T8"}, (*bench).oneCaller},
	{"many callers", []string{"T7", "T8"}, (*bench).manyCallers},
	{"catch-up", []string{"T1", "T2", "T3"}, (*bench).catchingUp},
	{"outage", []string{"T19"}, (*bench).outages},
	{"lag", []string{"T11", "T12"}, (*bench).lag},
	{"reads", []string{"T14", "T15", "T21"}, (*bench).reads},
	{"reads over HTTP", []string{"T16"}, (*bench).httpReads},
	{"reports over HTTP", []string{"T17"}, (*bench).intake},
	{"rebuild", []string{"T4", "T5", "T6", "T25"}, (*bench).rebuilding},
	{"memory of commands", []string{"T20"}, (*bench).memory},
	{"memory of rebuilds", []string{"T20"}, (*bench).rebuildMemory},
	{"node: appends", []string{"T23"}, (*bench).nodeAppends},
	{"node: reads", nil, (*bench).nodeReads},
	{"node: starts", nil, (*bench).nodeStarts},
	{"node: engines", nil, (*bench).nodeEngines},
	{"start", []string{"T24"}, (*bench).portalStart},
}

type options struct {
	quick, full, strict   bool
	only                  []string
	rounds                int
	json, dir, cpuprofile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the portal beside the naive way and the physical limit",
		Long: "Measure the portal beside the naive way and the physical limit, in turns within one run, and print one table.\n" +
			"It starts its own durable Postgres and its own node, on a disk. The default takes about half an hour.",
		Example: "  go run ./cmd/bench --quick\n  go run ./cmd/bench --only T7,T8 --rounds 7 --json bench.json",
		Args:    cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.quick, "quick", false, "smaller sizes: a few minutes")
	f.BoolVar(&o.full, "full", false, "more rounds, longer slices, larger logs: more than an hour")
	f.StringSliceVar(&o.only, "only", nil, "only what gives these rows (T7,T8), or the measurements of the node (node)")
	f.IntVar(&o.rounds, "rounds", 0, "rounds instead of the mode's own; fewer than 5 are a sketch")
	f.StringVar(&o.json, "json", "", "also write the report to this file")
	f.StringVar(&o.dir, "dir", "", "folder on the disk to measure; the default is that of temporary files")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile to this file")
	f.BoolVar(&o.strict, "strict", false, "a missed floor is an error")
	cmd.MarkFlagsMutuallyExclusive("quick", "full")
	cmd.AddCommand(&cobra.Command{Use: childCommand + " DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runChild(cmd.Context(), args[0]) }})
	return cmd
}

func (o options) sizes() sizes {
	s := normal
	switch {
	case o.quick:
		s = quick
	case o.full:
		s = full
	}
	if o.rounds > 0 {
		s.rounds = o.rounds
	}
	return s
}

// chosen are the cells that give what was asked for.
func (o options) chosen() ([]cell, error) {
	if len(o.only) == 0 {
		return cells, nil
	}
	var list []cell
	for _, c := range cells {
		if slices.ContainsFunc(o.only, func(t string) bool {
			group, _, _ := strings.Cut(c.name, ":")
			return slices.Contains(c.targets, strings.ToUpper(t)) || t == group || t == c.name
		}) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("nothing gives the rows %s", strings.Join(o.only, ", "))
	}
	return list, nil
}

func run(ctx context.Context, o options) error {
	portal.TuneGC() // measured as it runs
	if o.cpuprofile != "" {
		stop, err := profile(o.cpuprofile)
		if err != nil {
			return err
		}
		defer stop()
	}
	r, err := o.measure(ctx, o.sizes())
	if err != nil {
		return err
	}
	if err := r.text(os.Stdout); err != nil {
		return err
	}
	if o.json != "" {
		if err := r.json(o.json); err != nil {
			return err
		}
	}
	return r.verdict(o.strict)
}

// measure runs the cells that were chosen, one after the other, in a folder that is gone at the end.
func (o options) measure(ctx context.Context, s sizes) (r report, err error) {
	chosen, err := o.chosen()
	if err != nil {
		return r, err
	}
	b := &bench{sizes: s, out: os.Stderr, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if b.dir, b.disk, err = workDir(o.dir); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	began := time.Now()
	flush, err := b.disk.Flushes(500)
	if err != nil {
		return r, err
	}
	r = report{Date: began, Mode: b.mode, Rounds: b.rounds, Machine: machine(), Disk: "p50 " + latency(flush.Quantile(0.5)) + ", p99 " + latency(flush.Quantile(0.99))}
	for _, c := range chosen {
		b.say("%s (%s)", c.name, strings.Join(c.targets, ", "))
		rows, err := c.run(b, ctx)
		if errors.Is(err, errDiffers) {
			rows = append(rows, row{ID: strings.Join(c.targets, ","), What: c.name, Standing: measure.Differs, Note: err.Error()})
		} else if err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
		r.Rows = append(r.Rows, rows...)
	}
	r.Took = time.Since(began).Round(time.Second).String()
	return r, nil
}

// errDiffers says that what a fast path made is not what the log says.
var errDiffers = errors.New("the result differs from a fold of the log")

func (r report) verdict(strict bool) error {
	missed, wrong := r.missed()
	if wrong {
		return errDiffers
	}
	if missed > 0 && strict {
		return fmt.Errorf("%d floors are missed", missed)
	}
	return nil
}

func profile(file string) (stop func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: profile:", err)
		}
	}, nil
}
