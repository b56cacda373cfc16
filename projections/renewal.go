package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/eventstore"
)

// A renewal brings a live view to the end of the log at once: its rows are read into memory, what it has missed is folded into them,
// and all are laid down beside the live tables as a rebuild would, and then take their place. A view that has missed more events
// than it has rows is current in half the time that updates take, since these find each row by itself, and fill all indexes
// again for each that does not fit in its page any more. Until then readers see it as it was.
//
// It is the same generation before and after: what can be gone back to stays. A renewal that does not come to its end has changed
// nothing, and the view goes on batch by batch.

const (
	renewFrom       = 20_000          // events, unless Config.RenewFrom says otherwise
	renewalPatience = 5 * time.Second // to drop what an earlier one has left
	suffixRenewal   = "_renewal"
	suffixRenewed   = "_renewed" // the old tables, within the transaction that drops them
)

// renewIfFarBehind renews the live tables, unless the view is near enough. If it has, the writer must be opened anew.
func (e *Engine) renewIfFarBehind(ctx context.Context, v View, live *writer) (renewed bool, err error) {
	head, err := e.Store.Head(ctx)
	if err != nil {
		return false, err
	}
	if far, err := e.isFarBehind(ctx, v, live.gen, head); err != nil || !far {
		return false, err
	}
	select { // it takes as much memory as any build
	case e.building <- struct{}{}:
		defer func() { <-e.building }()
	default: // better slowly than to stand still
		return false, nil
	}
	return true, e.renew(ctx, v, live.gen, head)
}

func (e *Engine) renew(ctx context.Context, v View, live Generation, head eventstore.Position) error {
	began := time.Now()
	e.Log.Info("renewing", "view", v.Name, "position", live.Position.String())
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ahead := newAhead() // at once, to read together with the views that set out now
	reading.Go(func() { ahead.Close(e.readMissed(ctx, live.Position, head, ahead)) })
	w, release, err := e.prepare(ctx, v, v.Name+suffixRenewal, func(*session) (bool, error) { return true, e.makeRenewal(ctx, v, live) })
	if err != nil {
		return err
	}
	defer release()
	b := e.newBuild(v, w, nil)
	b.ahead, b.filling = ahead, true // the position is not zero, but the tables are empty
	err = b.renew(ctx, live)
	b.close()
	if err != nil {
		return errors.Join(err, e.dropRenewal(context.WithoutCancel(ctx), v))
	}
	e.Log.Info("renewed", "view", v.Name, "events", b.progress.Events, "position", b.gen.Position.String(), "took", time.Since(began))
	e.metrics.applied(v.Name, b.progress.Events, time.Since(began))
	e.signals.moved(v.Name)
	return nil
}

// isFarBehind estimates whether a view has missed enough. Positions can't be counted, but they grow about evenly with the events.
func (e *Engine) isFarBehind(ctx context.Context, v View, live Generation, head eventstore.Position) (bool, error) {
	if e.RenewFrom < 0 || v.SQL != nil || live.Position.IsZero() || live.Halted != nil || head.Compare(live.Position) <= 0 {
		return false, nil
	}
	missed := float64(head.Commit-live.Position.Commit) / float64(live.Position.Commit) * float64(live.Events)
	if missed < float64(e.RenewFrom) {
		return false, nil
	}
	var rows, most float64 // as of the last ANALYZE, with which a build ends
	err := e.DB.QueryRow(ctx, `SELECT COALESCE(sum(reltuples), 0), COALESCE(max(reltuples), 0) FROM pg_class
		WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'`, quote(live.Schema)).Scan(&rows, &most)
	// Few rows stay in memory anyway, and are written once for many events: then it is the reading that takes long.
	return missed >= rows && 2*most >= float64(e.RenewFrom) && most <= float64(e.BuildRows), err
}

// readMissed reads up to what was the end of the log.
func (e *Engine) readMissed(ctx context.Context, after, head eventstore.Position, ahead *eventstore.Buffer) error {
	for r, err := range e.source().Subscribe(ctx, after) {
		if err == nil {
			err = ahead.Put(ctx, r)
		}
		if err != nil || r.Position.Compare(head) >= 0 {
			return err
		}
	}
	return errors.New("the subscription ended")
}

// makeRenewal makes the tables that rows are laid down in. They are empty, but stand where the live ones do.
func (e *Engine) makeRenewal(ctx context.Context, v View, live Generation) error {
	if err := e.dropRenewal(ctx, v); err != nil {
		return err
	}
	schema := v.Name + suffixRenewal
	if err := create(ctx, e.DB, v, schema, StateRenewal); err != nil {
		return err
	}
	_, err := e.DB.Exec(ctx, `UPDATE portal.generation r SET commit = l.commit, prepare = l.prepare, last_id = l.last_id, last_stream = l.last_stream,
		last_revision = l.last_revision FROM portal.generation l WHERE r.schema = $1 AND l.id = $2`, schema, live.ID)
	return err
}

// dropRenewal does not wait long for a portal that is frozen in the middle of it.
func (e *Engine) dropRenewal(ctx context.Context, v View) error {
	ctx, cancel := context.WithTimeout(ctx, renewalPatience)
	defer cancel()
	return drop(ctx, e.DB, v.Name+suffixRenewal)
}

func (b *build) renew(ctx context.Context, live Generation) error {
	if b.gen.Position != live.Position {
		return ErrFenced
	}
	if err := b.seed(ctx, live.Schema); err != nil {
		return err
	}
	if err := b.complete(ctx); err != nil {
		return err
	}
	if b.filling { // nothing was written, since no event has come
		return errors.New("the log has nothing new")
	}
	return b.replace(ctx, live)
}

// seed takes in all rows of another generation, as if events had just made them.
func (w *writer) seed(ctx context.Context, schema string) error {
	w.startEmpty()
	statements := []statement{{sql: "BEGIN"}, {sql: "SET LOCAL enable_seqscan = on"}}
	for _, t := range w.tables {
		statements = append(statements, statement{
			sql: fmt.Sprintf("SELECT %s FROM %s", t.binding.list("", t.binding.all()), pgx.Identifier{schema, t.binding.table}.Sanitize()),
			row: func(values [][]byte) error { return t.scan(values, t.set.seed) },
		})
	}
	return w.run(ctx, append(statements, statement{sql: "COMMIT"}))
}

// replace puts the renewed tables where the live ones are, if nobody has moved those meanwhile.
func (b *build) replace(ctx context.Context, live Generation) error {
	return pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error {
		now, there, err := lockGeneration(ctx, tx, live.Schema)
		if err != nil {
			return err
		}
		if !there || now.ID != live.ID || now.Epoch != live.Epoch || now.Position != live.Position {
			return ErrFenced
		}
		next, there, err := lockGeneration(ctx, tx, b.gen.Schema)
		if err != nil {
			return err
		}
		if !there || next.ID != b.gen.ID || next.Epoch != b.gen.Epoch {
			return ErrFenced
		}
		if err := lockTables(ctx, tx, live.Schema); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, renewedSQL(live, next))
		return err
	})
}

// renewedSQL exchanges the tables of the live generation. Its new epoch shuts out whoever writes to it.
func renewedSQL(live, next Generation) string {
	return fmt.Sprintf(`ALTER SCHEMA %[1]s RENAME TO %[3]s; ALTER SCHEMA %[2]s RENAME TO %[1]s; DROP SCHEMA %[3]s CASCADE;
		UPDATE portal.generation l SET commit = n.commit, prepare = n.prepare, last_id = n.last_id, last_stream = n.last_stream,
			last_revision = n.last_revision, events = l.events + n.events, applied = l.applied + n.applied, moved = now(), epoch = l.epoch + 1
			FROM portal.generation n WHERE l.id = %[4]d AND n.id = %[5]d;
		UPDATE portal.quarantined SET generation = %[4]d WHERE generation = %[5]d;
		DELETE FROM portal.generation WHERE id = %[5]d`,
		quote(live.Schema), quote(next.Schema), quote(live.Schema+suffixRenewed), live.ID, next.ID)
}
