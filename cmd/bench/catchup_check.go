package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/workload"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// seenDevice is what two read models that have nothing in common but the log must agree upon.
type seenDevice struct {
	hostname, ip, signatures, group string
	threats                         int
}

// compareFleet compares every device row with the fleet that the events come from.
func compareFleet(ctx context.Context, db *pgxpool.Pool, f *workload.Fleet) error {
	seen, err := portalDevices(ctx, db)
	if err != nil {
		return err
	}
	if len(seen) != f.Enrolled() {
		return fmt.Errorf("%w: %d devices in the view, %d in the fleet", errDiffers, len(seen), f.Enrolled())
	}
	for i := range f.Enrolled() {
		d := f.Device(i)
		want := seenDevice{d.Facts.Hostname, d.Facts.IP, d.Facts.SignatureVersion, string(d.State.Group()), d.State.OpenThreats()}
		if got := seen[string(d.ID)]; got != want {
			return fmt.Errorf("%w: device %s is %+v in the view, %+v in the fleet", errDiffers, d.ID, got, want)
		}
	}
	return nil
}

func portalDevices(ctx context.Context, db *pgxpool.Pool) (map[string]seenDevice, error) {
	rows, err := db.Query(ctx, `SELECT d.device, d.hostname, d.ip, d.signature_version, p.group_id, d.threats
		FROM devices.device d JOIN devices.place p ON p.tenant = d.tenant AND p.place = d.place`)
	if err != nil {
		return nil, err
	}
	seen := map[string]seenDevice{}
	var key rowkey.Key
	var d seenDevice
	_, err = pgx.ForEachRow(rows, []any{&key, &d.hostname, &d.ip, &d.signatures, &d.group, &d.threats}, func() error {
		seen[string(key)] = d
		return nil
	})
	return seen, err
}

// compareNaive brings both projectors to the same event and compares what they have made of the devices.
func (c *catchUp) compareNaive(ctx context.Context) error {
	return c.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		first := &firstOf{Store: c.store, to: c.naiveLast}
		e, err := projections.New(projections.Config{DB: db, Store: first, Views: []projections.View{view()}, RenewFrom: -1, Log: c.log}) // for a renewal the log would not end
		if err != nil {
			return err
		}
		err = running(ctx, e, func(ctx context.Context) error {
			_, err := e.Await(ctx, db, viewName, c.naiveLast)
			return err
		})
		if err != nil {
			return err
		}
		n := newNaiveProjector(db, first)
		ended, cancel := context.WithCancel(ctx)
		defer cancel()
		first.done = cancel
		if err := n.run(ended, c.from); err != nil {
			return err
		}
		return sameDevices(ctx, db)
	})
}

func sameDevices(ctx context.Context, db *pgxpool.Pool) error {
	ours, err := portalDevices(ctx, db)
	if err != nil {
		return err
	}
	rows, err := db.Query(ctx, `SELECT device::text, hostname, ip, signature_version, group_id, threats FROM naive.device`)
	if err != nil {
		return err
	}
	var id string
	var d seenDevice
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &d.hostname, &d.ip, &d.signatures, &d.group, &d.threats}, func() error {
		n++
		if ours[id] != d {
			return fmt.Errorf("%w: device %s is %+v in the view, %+v to the naive projector", errDiffers, id, ours[id], d)
		}
		return nil
	})
	if err == nil && n != len(ours) {
		err = fmt.Errorf("%w: %d devices in the view, %d to the naive projector", errDiffers, len(ours), n)
	}
	return err
}

// firstOf is a log that ends at a position.
type firstOf struct {
	eventstore.Store
	to   eventstore.Position
	done func() // called when all was yielded and used; nil for a subscription that stays
}

// Subscribe implements eventstore.Store.
func (f *firstOf) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for r, err := range f.Store.Subscribe(ctx, after) {
			if !yield(r, err) {
				return
			}
			if err == nil && r.Position.Compare(f.to) >= 0 {
				break
			}
		}
		if f.done != nil {
			f.done()
			return
		}
		<-ctx.Done()
		yield(eventstore.Recorded{}, ctx.Err())
	}
}

// copyRows are rows for COPY in its binary format.
type copyRows struct {
	sql   string
	data  []byte
	count int
}

// readRows takes rows of the device table and gives them new ids, so that they can be added to it.
func readRows(ctx context.Context, db *pgxpool.Pool, limit int) (copyRows, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return copyRows{}, err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, `SELECT column_name FROM information_schema.columns WHERE table_schema = 'devices' AND table_name = 'device' AND is_generated = 'NEVER' ORDER BY ordinal_position`)
	if err != nil {
		return copyRows{}, err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return copyRows{}, err
	}
	values := make([]string, len(columns))
	for i, name := range columns {
		if values[i] = name; name == "device" {
			values[i] = "decode(md5(encode(device, 'hex')), 'hex')"
		}
	}
	r := copyRows{sql: "COPY devices.device (" + strings.Join(columns, ", ") + ") FROM STDIN BINARY"}
	var b bytes.Buffer
	tag, err := conn.Conn().PgConn().CopyTo(ctx, &b, fmt.Sprintf("COPY (SELECT %s FROM devices.device LIMIT %d) TO STDOUT BINARY", strings.Join(values, ", "), limit))
	r.data, r.count = b.Bytes(), int(tag.RowsAffected())
	return r, err
}
