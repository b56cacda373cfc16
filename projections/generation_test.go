package projections_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

// Readers read and a writer writes while the view is rebuilt and swapped several times, once into another version with
// other column types. No read may fail, show a mixture of two generations, or go back in time.
func TestSwapUnderReadersAndWriters(t *testing.T) {
	log, url := memory.New(bankRegistry()), postgrestest.URL(t)
	db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	readers := openPool(t, func() (*pgxpool.Pool, error) { return projections.OpenReaders(t.Context(), url, bank()) })
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a0", opened{Owner: "Ann"}))

	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	var written, reads atomic.Int64
	written.Store(1)
	busy.Go(func() {
		for ctx.Err() == nil {
			write(t, log, fmt.Sprintf("a%d", written.Load()), opened{Owner: "Ann"}, deposited{1})
			written.Add(1)
			time.Sleep(2 * time.Millisecond)
		}
	})
	for range 4 {
		busy.Go(func() { readOn(ctx, t, readers, &reads) })
	}
	for range 3 {
		if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
	}
	newer := bank()
	newer.Version, newer.Schema = 2, strings.ReplaceAll(newer.Schema, "id text, owner text NOT NULL", "owner varchar NOT NULL, id text")
	p.stop()
	p = newPortal(t, log, db, func(c *projections.Config) { c.Views = []projections.View{newer} }).start()
	eventually(t, "the new version is live", func() bool { return p.status("bank").Version == 2 })
	cancel()
	busy.Wait()
	last, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.await("bank", last)
	p.verify("bank")
	t.Logf("%d accounts written, %d reads", written.Load(), reads.Load())
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
}

func readOn(ctx context.Context, t *testing.T, db *pgxpool.Pool, reads *atomic.Int64) {
	type totals struct{ Accounts, Counted, Balance, Sum int64 }
	var before totals
	for ctx.Err() == nil {
		now, err := projections.Row[totals](ctx, db, `SELECT (SELECT count(*) FROM account) AS accounts, (SELECT COALESCE(sum(accounts), 0)::bigint FROM owner_count) AS counted,
			(SELECT COALESCE(sum(balance), 0)::bigint FROM account) AS balance, (SELECT COALESCE(sum(balance), 0)::bigint FROM owner_count) AS sum`)
		if ctx.Err() != nil {
			return
		}
		if err != nil || now.Accounts != now.Counted || now.Balance != now.Sum || now.Accounts < before.Accounts {
			t.Errorf("read %+v after %+v: %v", now, before, err)
			return
		}
		before = now
		reads.Add(1)
	}
}

// A build that ends anywhere goes on where it had saved, and comes to the rows of one that was not disturbed.
func TestABuildThatWasBrokenOffGoesOn(t *testing.T) {
	db := postgrestest.Pool(t)
	history := &projectiontest.Log{Events: fleetHistory(20_000)}
	engine := func(view string) *projections.Engine {
		v := fleet()
		v.Name = view
		e, err := projections.New(projections.Config{DB: db, Store: history, Views: []projections.View{v}, BuildRows: 700})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := engine("whole").Rebuild(t.Context(), "whole", nil); err != nil {
		t.Fatal(err)
	}
	want, err := projections.Hash(t.Context(), db, "whole")
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{1, 200, 2000, 10_000, 19_800} { // 1, 10, 50 and 99 % of the log, and at its beginning
		name := fmt.Sprintf("broken%d", after)
		ctx, cancel := context.WithCancel(t.Context())
		stopAt := &stopping{Log: history, after: after, stop: cancel, saved: func() bool {
			at, err := projections.Position(t.Context(), db, name+"_next")
			return err != nil || !at.IsZero()
		}}
		v := fleet()
		v.Name = name
		first, err := projections.New(projections.Config{DB: db, Store: stopAt, Views: []projections.View{v}, BuildRows: 700})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Rebuild(ctx, name, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("the build was not broken off: %v", err)
		}
		var again int
		if err := engine(name).Rebuild(t.Context(), name, func(p projections.Progress) { again = p.Events }); err != nil {
			t.Fatal(err)
		}
		if after > 5000 && again >= 20_000 {
			t.Errorf("broken off after %d events, the build read all %d again", after, again)
		}
		if got, err := projections.Hash(t.Context(), db, name); err != nil || !maps.Equal(got, want) {
			t.Errorf("broken off after %d events, the rows differ: %v", after, err)
		}
	}
	if leftover, err := projections.Generations(t.Context(), db); err != nil || len(leftover) != 6 {
		t.Errorf("%d generations instead of 6, %v", len(leftover), err)
	}
}

// stopping breaks off a build when so many events have been read.
type stopping struct {
	*projectiontest.Log
	after int
	saved func() bool
	stop  func()
}

func (s *stopping) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		n := 0
		for r, err := range s.Log.ReadAll(ctx, from, d, limit) {
			if n++; n > s.after {
				time.Sleep(50 * time.Millisecond) // let what has been read be folded and saved, if it is enough for that
				for end := time.Now().Add(10 * time.Second); s.after > 5000 && !s.saved() && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
				s.stop()
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Large batches go by COPY and a temporary table; the rows are the same.
func TestLargeBatchesGiveTheSameRows(t *testing.T) {
	db := postgrestest.Pool(t)
	history := fleetHistory(30_000)
	var want map[string]string
	for _, size := range []int{100, 900, 9000, 30_000} {
		v := fleet()
		v.Name = fmt.Sprintf("fleet_%d", size)
		log := &projectiontest.Log{}
		e, err := projections.New(projections.Config{DB: db, Store: log, Views: []projections.View{v}})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Stop()
		if err := projections.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Checkpoint(t.Context(), v.Name); err != nil {
			t.Fatal(err)
		}
		all := batches(history, size)
		for i, b := range all {
			b.More = i < len(all)-1 // so that each is written while the next is folded
			if err := e.Handler(v.Name)(eventstore.NewMessage(t.Context(), b)); err != nil {
				t.Fatal(err)
			}
		}
		log.Events = history
		if _, err := e.Verify(t.Context(), v.Name, nil); err != nil {
			t.Error(err)
		}
		got, err := projections.Hash(t.Context(), db, v.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !maps.Equal(got, want) {
			t.Errorf("batches of %d give other rows", size)
		}
	}
}

func TestVerifyNamesTheFirstDifference(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{5}))
	p.verify("bank")
	for _, c := range []struct{ tamper, table, live, built string }{
		{`UPDATE bank.account SET balance = 6`, "account", "6", "5"},
		{`DELETE FROM bank.account`, "account", "", "5"},
		{`INSERT INTO bank.owner_count VALUES ('00112233-4455-6677-8899-aabbccddeeff', 'Zoe', 1, 0)`, "owner_count", "Zoe", ""},
	} {
		if _, err := db.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS kept AS TABLE bank.account; `+c.tamper); err != nil {
			t.Fatal(err)
		}
		var d *projections.Difference
		_, err := p.Verify(t.Context(), "bank", nil)
		if !errors.As(err, &d) || d.Table != c.table || !strings.Contains(d.Live, c.live) || !strings.Contains(d.Built, c.built) {
			t.Errorf("%s: %v", c.tamper, err)
		}
		if _, err := db.Exec(t.Context(), `TRUNCATE bank.account; INSERT INTO bank.account TABLE kept; DELETE FROM bank.owner_count WHERE owner = 'Zoe'`); err != nil {
			t.Fatal(err)
		}
	}
	p.verify("bank")
}

func TestASchemaThatChangesNeedsANewVersion(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}))
	p.stop()
	v := bank()
	v.Indexes = ""
	p = newPortal(t, log, db, func(c *projections.Config) { c.Views = []projections.View{v} })
	if _, err := p.Checkpoint(t.Context(), "bank"); err == nil || !strings.Contains(err.Error(), "Version") {
		t.Errorf("taken: %v", err)
	}
	v.Version = 2
	p = newPortal(t, log, db, func(c *projections.Config) { c.Views = []projections.View{v} }).start()
	p.await("bank", write(t, log, "a", deposited{1}))
	eventually(t, "the new version is live", func() bool { return p.status("bank").Version == 2 })
	p.stop()
	older := newPortal(t, log, db, nil)
	if _, err := older.Checkpoint(t.Context(), "bank"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("an older portal took a newer view: %v", err)
	}
}

func TestAwaitTellsHowFarTheViewIs(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	at := write(t, log, "a", opened{Owner: "Ann"})
	p.await("bank", at)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	reached, err := projections.Await(ctx, db, nil, "bank", eventstore.Position{Commit: at.Commit + 1, Prepare: at.Prepare + 1})
	if !errors.Is(err, projections.ErrNotYet) || reached != at {
		t.Errorf("at %v: %v", reached, err)
	}
	if reached, err := projections.Await(t.Context(), db, nil, "bank", at); err != nil || reached != at {
		t.Errorf("at %v: %v", reached, err)
	}
}

func openPool(t *testing.T, open func() (*pgxpool.Pool, error)) *pgxpool.Pool {
	t.Helper()
	pool, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}
