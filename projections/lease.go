package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Of two portals that run the same view one works and the other stands by. Times are the database's, so it does not matter
// what the portals' clocks say. A lease only keeps projectors from getting into each other's way: what keeps a batch from
// being applied twice is the fence in each write.
const (
	leaseBeat = 2 * time.Second // how often the holder says that it lives
	leaseTTL  = 6 * time.Second // how long it may be silent
	leasePoll = time.Second     // how often a standby looks
)

// lease is what its holder has: a name, and the right to move what goes by that name.
type lease struct {
	name, owner string
	db          *pgxpool.Pool
}

// await takes the lease, waiting for as long as another holds it. A holder that has been silent is disconnected from
// Postgres first, so that whatever it had locked is free.
func (l lease) await(ctx context.Context, s *session) error {
	for {
		got, err := l.take(ctx, s)
		if got || err != nil {
			return err
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return err
		}
	}
}

func (l lease) take(ctx context.Context, s *session) (got bool, err error) {
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO portal.lease (name, owner, pid, pid_started, beat)
			VALUES ($1, '', 0, 'epoch', 'epoch') ON CONFLICT DO NOTHING`, l.name); err != nil {
			return err
		}
		var free bool
		// Free is also what the holder can't use any more: its connection went, as it does at once when its process dies.
		err := tx.QueryRow(ctx, `SELECT owner IN ('', $2) OR beat < clock_timestamp() - $3::interval
				OR NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid AND a.backend_start = l.pid_started)
			FROM portal.lease l WHERE name = $1 FOR UPDATE`, l.name, l.owner, leaseTTL).Scan(&free)
		if err != nil || !free {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_terminate_backend(a.pid, 5000) FROM portal.lease l JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_start = l.pid_started
			WHERE l.name = $1 AND a.pid <> pg_backend_pid()`, l.name); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE portal.lease SET owner = $2, pid = pg_backend_pid(), beat = clock_timestamp(),
			pid_started = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) WHERE name = $1`, l.name, l.owner)
		got = err == nil
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) { // the generation went, and its lease with it
		return false, fmt.Errorf("lease %s: %w", l.name, ErrFenced)
	}
	return got, err
}

// held reports whether somebody works on what goes by a name.
func (e *Engine) held(ctx context.Context, name string) (held bool, err error) {
	err = e.DB.QueryRow(ctx, `SELECT EXISTS (SELECT FROM portal.lease l JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_start = l.pid_started
		WHERE name = $1 AND owner <> '' AND beat >= clock_timestamp() - $2::interval)`, name, leaseTTL).Scan(&held)
	return held, err
}

// keep says that the holder lives, until the context ends. It needs no answer: a lease that was lost shows at the fence.
func (l lease) keep(ctx context.Context) {
	for sleep(ctx, leaseBeat) == nil {
		beatCtx, cancel := context.WithTimeout(ctx, leaseTTL)
		_, _ = l.db.Exec(beatCtx, `UPDATE portal.lease SET beat = clock_timestamp() WHERE name = $1 AND owner = $2`, l.name, l.owner)
		cancel()
	}
}

// beat keeps the lease until what it answers is called, even if the context ends before.
func (l lease) beat(ctx context.Context) (release func()) {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beating sync.WaitGroup
	beating.Go(func() { l.keep(keeping) })
	return func() {
		stop()
		beating.Wait()
		l.release()
	}
}

// release lets a standby take over at once.
func (l lease) release() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_, _ = l.db.Exec(ctx, `UPDATE portal.lease SET owner = '' WHERE name = $1 AND owner = $2`, l.name, l.owner)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
