package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/workload"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// longer is how many times more events the same fleet leaves in the second log.
const longer = 10

// rebuildMemory takes what a rebuild holds in memory, after a log and after one that is longer.
func (b *bench) rebuildMemory(ctx context.Context) ([]row, error) {
	log, once, err := b.longLog(ctx)
	if err != nil {
		return nil, err
	}
	var short, long int64
	log.at = func(event int) {
		if event != once && event != len(log.events)-1 {
			return
		}
		time.Sleep(500 * time.Millisecond) // what has been read ahead is folded meanwhile
		short, long = long, heap()
	}
	before := heap()
	if err := b.database(ctx, "copied", ""); err != nil {
		return nil, err
	}
	err = b.inDatabase(ctx, "copied", func(db *pgxpool.Pool) error { return rebuild(ctx, db, log) })
	each := float64(long-before) / float64(b.longDevices)
	return []row{
		counted(t20fold, "bytes per device in a rebuild", each).noted("%d devices, %d events.", b.longDevices, len(log.events)),
		counted(t20long, "memory of a rebuild, log 10x longer", float64(long-before)/float64(short-before)),
	}, err
}

// longLog is a log in memory, and the event at which it is a tenth of its length.
func (b *bench) longLog(ctx context.Context) (l *rawLog, once int, err error) {
	registry := catalog.Registry()
	l = &rawLog{Store: memory.New(registry), registry: registry}
	fleet := workload.New(7, workload.Shape{Tenants: 10, Devices: b.longDevices})
	put := func(a workload.Append) error {
		stored, err := eventstore.Encode(ctx, registry, nil, a.Events)
		for i, s := range stored {
			at := uint64(len(l.events) + 1) //nolint:gosec // small
			l.events = append(l.events, eventstore.Recorded{
				ID: s.ID, Stream: a.Stream, Revision: a.After + 1 + eventstore.Revision(i), Position: eventstore.Position{Commit: at, Prepare: at},
				At: a.At, Type: s.Type, Data: s.Data, RawMeta: s.Metadata, Link: eventstore.NoStream,
			})
		}
		return err
	}
	if err := fleet.Ground(put); err != nil {
		return nil, 0, err
	}
	if err := fleet.Begin(put); err != nil {
		return nil, 0, err
	}
	end := longer * (len(l.events) + b.longDevices)
	for i := 0; len(l.events) < end; i++ {
		if err := fleet.Status(fleet.Device(i*7919%b.longDevices), put); err != nil {
			return nil, 0, err
		}
	}
	return l, end / longer, nil
}
