// Package fleet drives a simulated fleet of devices against a portal's device API: enrollment, reports, commands. It
// is what `avportal simulate` runs and what the crash tests use as load.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"avportal/http/agent/wire"
)

// Config says what fleet to simulate.
type Config struct {
	URL     string   // of the portal
	TIDs    []string // licenses to enroll with, dealt out in turn
	Devices int

	// Span is how much simulated time passes; it ends now. Each device reports every Interval of it.
	Span     time.Duration
	Interval time.Duration
	// Speed is simulated seconds a second; 0 means as fast as the portal takes it.
	Speed float64

	// Threats is how many threats a thousand reports meet; 0 means one, as in a quiet fleet.
	Threats int

	Connections int    // parallel requests
	Seed        uint64 // the same seed gives the same devices and the same happenings
	Start       time.Time

	// Patience is how long a request is repeated while the portal can't be reached.
	Patience time.Duration

	// Progress is called about once a second, if set.
	Progress func(Snapshot)
	// Enrolled and Reported are told what the portal has acknowledged, if set. They are called concurrently.
	Enrolled func(guid, deviceID string)
	Reported func(deviceID string, r wire.Report)
}

// Snapshot counts what has happened so far.
type Snapshot struct {
	Enrolled, Reports, Threats, Resolved, Commands, Refused, Repeated int64
	Devices                                                           int
	Simulated, Span                                                   time.Duration
	Elapsed                                                           time.Duration
	P50, P99                                                          time.Duration // of requests that were answered
}

// Fleet is a running simulation.
type Fleet struct {
	cfg     Config
	http    *http.Client
	devices []*device

	enrolled, reports, threats, resolved, commands, refused, repeated atomic.Int64
	simulated                                                         atomic.Int64 // nanoseconds since Start
	took                                                              latencies
}

// Run simulates until the span has passed or the context ends; that it ended early is no error. What it returns is
// the final count, also beside an error.
func Run(ctx context.Context, cfg Config) (Snapshot, error) {
	if len(cfg.TIDs) == 0 || cfg.Devices < 1 || cfg.Interval <= 0 || cfg.Span < 0 || cfg.Speed < 0 {
		return Snapshot{}, errors.New("a fleet needs a TID, a device, an interval, and a span and speed that are not negative")
	}
	if cfg.Connections < 1 {
		cfg.Connections = 32
	}
	if cfg.Threats == 0 {
		cfg.Threats = 1
	}
	f := &Fleet{cfg: cfg, http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: cfg.Connections, MaxConnsPerHost: cfg.Connections},
	}}
	defer f.http.CloseIdleConnections()
	for i := range cfg.Devices {
		f.devices = append(f.devices, newDevice(cfg, i))
	}

	began := time.Now()
	stop := f.watch(began)
	err := f.schedule(ctx, began)
	stop()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return f.snapshot(began), err
}

// schedule hands each device to a free worker when its time has come, and takes it back afterwards: a device does one
// thing at a time, in order.
func (f *Fleet) schedule(ctx context.Context, began time.Time) error {
	work := make(chan *device)
	back := make(chan *device, f.cfg.Connections)
	failed := make(chan error, f.cfg.Connections)
	var workers sync.WaitGroup
	for range f.cfg.Connections {
		workers.Go(func() {
			for d := range work {
				if err := f.step(ctx, d); err != nil {
					failed <- fmt.Errorf("device %s: %w", d.name, err)
					return
				}
				back <- d
			}
		})
	}
	defer workers.Wait()
	defer close(work)

	q := newQueue(f.devices)
	busy := 0
	for len(q) > 0 || busy > 0 {
		var ready chan *device
		var next *device
		var wait <-chan time.Time
		if len(q) > 0 {
			next = q[0]
			if d := f.untilDue(began, next.due); d > 0 {
				wait = time.After(d)
			} else {
				ready = work
			}
		}
		select {
		case ready <- next:
			q.pop()
			busy++
			f.simulated.Store(int64(next.due))
		case d := <-back:
			busy--
			if d.due += f.cfg.Interval; d.due <= f.cfg.Span && !d.gone {
				q.push(d)
			}
		case <-wait:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// untilDue is how long to wait, in real time, until a simulated moment.
func (f *Fleet) untilDue(began time.Time, due time.Duration) time.Duration {
	if f.cfg.Speed == 0 {
		return 0
	}
	return time.Until(began.Add(time.Duration(float64(due) / f.cfg.Speed)))
}

func (f *Fleet) watch(began time.Time) (stop func()) {
	if f.cfg.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				f.cfg.Progress(f.snapshot(began))
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (f *Fleet) snapshot(began time.Time) Snapshot {
	p50, p99 := f.took.percentiles()
	return Snapshot{
		Enrolled: f.enrolled.Load(), Reports: f.reports.Load(), Threats: f.threats.Load(), Resolved: f.resolved.Load(),
		Commands: f.commands.Load(), Refused: f.refused.Load(), Repeated: f.repeated.Load(),
		Devices: f.cfg.Devices, Simulated: time.Duration(f.simulated.Load()), Span: f.cfg.Span,
		Elapsed: time.Since(began), P50: p50, P99: p99,
	}
}
