package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
)

// writing compares three ways of appending one event after another to the streams of many devices: the portal's commands,
// the store without commands, and the official client without the portal. Each has devices of its own, equally old.
type writing struct {
	fleet   *workload.Fleet
	store   *esdb.Store
	handler *commands.Handler
	naive   *naiveCommands
	each    int // devices of each way
}

const (
	aged     = 8 // events of a device when it begins
	ours     = 0 // which third of the fleet belongs to whom
	raw      = 1
	official = 2
)

// withWriting runs f on a fresh log, and then compares the log with what the callers were told.
func (b *bench) withWriting(ctx context.Context, f func(*writing) ([]row, error)) (rows []row, err error) {
	err = b.withNode(ctx, func(n *node.Node, s *esdb.Store) error {
		w, err := newWriting(ctx, b, n, s)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.naive.close()) }()
		if rows, err = f(w); err != nil {
			return err
		}
		b.say("comparing with a fold of the log")
		return w.check(ctx)
	})
	return rows, err
}

func newWriting(ctx context.Context, b *bench, n *node.Node, s *esdb.Store) (*writing, error) {
	b.say("preparing %d devices with %d events each", 3*b.devices, aged)
	w := &writing{
		fleet: workload.New(1, workload.Shape{Tenants: 10, Devices: 3 * b.devices}),
		store: s, handler: commands.New(s), each: b.devices,
	}
	l := newLoader(ctx, s)
	defer l.close()
	if err := l.begin(w.fleet); err != nil {
		return nil, err
	}
	for i := range 3 * w.each {
		d := w.fleet.Device(i)
		if err := w.fleet.Age(d, aged-1-int(d.Revision), l.append); err != nil {
			return nil, err
		}
	}
	if err := l.wait(); err != nil {
		return nil, err
	}
	var err error
	if w.naive, err = newNaiveCommands(n.ConnectionString()); err != nil {
		return nil, err
	}
	return w, w.warm(ctx)
}

// warm brings the portal's devices into its cache.
func (w *writing) warm(ctx context.Context) error {
	for i := range w.each {
		d := w.device(ours, i)
		if err := commands.Peek(ctx, w.handler, device.Stream(d.Tenant, d.ID), func(device.State, eventstore.Revision) {}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) device(whose, i int) *workload.Device { return w.fleet.Device(3*(i%w.each) + whose) }

// way is a closed loop of callers, each with devices of its own.
func (w *writing) way(name string, whose, callers int, lasts time.Duration, send func(context.Context, *workload.Device) error) measure.Way {
	next := make([]int, callers) // goes on where the slice before ended, so that all devices have their turn
	return measure.Way{Name: name, Run: func(ctx context.Context) (measure.Sample, error) {
		return measure.Closed(ctx, lasts, callers, func(ctx context.Context, c, _ int) error {
			i := (c + callers*next[c]) % (w.each / callers * callers)
			next[c]++
			return send(ctx, w.device(whose, i))
		})
	}}
}

// viaPortal is the candidate.
func (w *writing) viaPortal(ctx context.Context, d *workload.Device) error {
	now := time.Now()
	c := workload.Report(d, now)
	rq := commands.Request{Actor: domain.DeviceActor(d.ID, w.fleet.Scope(d)), At: now, ID: uuid.New()}
	res, err := commands.Do[device.State](ctx, w.handler, rq, c)
	if err == nil && res.Events != 1 {
		err = fmt.Errorf("a report left %d events", res.Events)
	}
	return w.told(d, c, err)
}

// viaStore is the limit: the same event on the same path, by a caller who knows what to append and where.
func (w *writing) viaStore(ctx context.Context, d *workload.Device) error {
	c := workload.Report(d, time.Now())
	id := uuid.New()
	_, err := w.store.Append(ctx, c.Stream(), d.Revision, []eventstore.Proposed{{
		ID:    id,
		Event: device.GuardsChanged{Device: d.ID, From: workload.Guards(d.State), To: c.Guards},
		Meta:  eventstore.Metadata{Correlation: id, Causation: id, Command: id, Actor: domain.ActorClient, ActorID: string(d.ID)},
	}})
	return w.told(d, c, err)
}

// viaClient is the naive way.
func (w *writing) viaClient(ctx context.Context, d *workload.Device) error {
	c := workload.Report(d, time.Now())
	return w.told(d, c, w.naive.report(ctx, c))
}

// told notes what an acknowledged report has left: one more event, and the device's new guards.
func (w *writing) told(d *workload.Device, c device.Report, err error) error {
	if err == nil {
		d.Revision++
		d.State = d.State.Evolve(device.GuardsChanged{Device: d.ID, To: c.Guards})
	}
	return err
}

// check compares every device, and what the portal's cache holds of it, with a fold of the log.
func (w *writing) check(ctx context.Context) error {
	type folded struct {
		state    device.State
		revision eventstore.Revision
	}
	log := map[domain.Stream]folded{}
	for r, err := range w.store.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			return err
		}
		if r.Stream.Kind == domain.KindDevice && !r.Stream.Telemetry {
			log[r.Stream] = folded{log[r.Stream].state.Evolve(r.Event), r.Revision}
		}
	}
	for i := range 3 * w.each {
		d := w.fleet.Device(i)
		want := log[device.Stream(d.Tenant, d.ID)]
		if d.Revision != want.revision || !reflect.DeepEqual(d.State, want.state) {
			return fmt.Errorf("%w: the callers of device %s were told of revision %d, the log has %d", errDiffers, d.ID, d.Revision, want.revision)
		}
	}
	for i := range w.each {
		d := w.device(ours, i)
		want, same := log[device.Stream(d.Tenant, d.ID)], false
		err := commands.Peek(ctx, w.handler, device.Stream(d.Tenant, d.ID), func(s device.State, r eventstore.Revision) {
			same = r == want.revision && reflect.DeepEqual(s, want.state)
		})
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("%w: device %s in the cache", errDiffers, d.ID)
		}
	}
	return nil
}

// oneCaller measures a single caller, whose time is all latency, in flushes of the disk.
func (b *bench) oneCaller(ctx context.Context) ([]row, error) {
	return b.withWriting(ctx, func(w *writing) ([]row, error) {
		slice := b.slice / 8
		rounds, err := b.plan(6).Run(ctx,
			measure.Way{Name: "flush", Run: func(context.Context) (measure.Sample, error) { return b.disk.Flushes(100) }},
			measure.Way{Name: "overwrite", Run: func(context.Context) (measure.Sample, error) { return b.disk.Overwrites(100) }},
			w.way("portal", ours, 1, slice, w.viaPortal),
			w.way("raw", raw, 1, slice, w.viaStore),
			w.way("naive", official, 1, slice, w.viaClient))
		if err != nil {
			return nil, err
		}
		p50 := func(way string) func(measure.Round) float64 { return quantile(way, 0.5) }
		return []row{
			compared(t10, "command, one caller, p50", "one flush (4 KiB appended, fdatasync), p50", rounds, over(p50("portal"), p50("flush"))).
				absolute(rounds, p50("portal"), p50("flush"), latency).
				noted("%.2f flushes of a file that does not grow (%s).", median(rounds, over(p50("portal"), p50("overwrite"))), latency(median(rounds, p50("overwrite")))),
			compared(noTarget, "naive command (official client), one caller, p50", "one flush, p50", rounds, over(p50("naive"), p50("flush"))).
				absolute(rounds, p50("naive"), p50("flush"), latency),
			compared(noTarget, "durable commands, 1 caller", "raw store append, same path", rounds, over(rate("portal"), rate("raw"))).
				absolute(rounds, rate("portal"), rate("raw"), perSecond),
			compared(noTarget, "durable commands, 1 caller", "official client, load + append", rounds, over(rate("portal"), rate("naive"))).
				absolute(rounds, rate("portal"), rate("naive"), perSecond),
		}, nil
	})
}

// manyCallers measures throughput.
func (b *bench) manyCallers(ctx context.Context) ([]row, error) {
	return b.withWriting(ctx, func(w *writing) ([]row, error) {
		var rows []row
		for _, callers := range []int{16, 64} {
			rounds, err := b.plan(12).Run(ctx, // the node merges tables now with this one, now with that: many turns even that out
				w.way("portal", ours, callers, b.slice/4, w.viaPortal),
				w.way("raw", raw, callers, b.slice/4, w.viaStore),
				w.way("naive", official, callers, b.slice/4, w.viaClient))
			if err != nil {
				return nil, err
			}
			beside, times := noTarget, noTarget
			if callers == 64 {
				beside, times = t7, t8
			}
			what := fmt.Sprintf("durable commands, %d callers", callers)
			rows = append(rows,
				compared(beside, what, "raw store append, same path", rounds, over(rate("portal"), rate("raw"))).
					absolute(rounds, rate("portal"), rate("raw"), perSecond),
				compared(times, what, "official client, load + append", rounds, over(rate("portal"), rate("naive"))).
					absolute(rounds, rate("portal"), rate("naive"), perSecond).
					noted("p99 %s beside %s.", latency(median(rounds, quantile("portal", 0.99))), latency(median(rounds, quantile("naive", 0.99)))))
		}
		return rows, nil
	})
}
