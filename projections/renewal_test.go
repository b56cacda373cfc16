package projections_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain/platform"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// farBehind is a view of 50 accounts that stands still in its second generation, and has missed ten times as much.
func farBehind(t *testing.T, log *memory.Store, db *pgxpool.Pool) (last eventstore.Position) {
	t.Helper()
	for i := range 50 {
		write(t, log, fmt.Sprint("a", i), opened{Owner: fmt.Sprint("o", i%3)}, tagged{[]string{"t", "u"}})
	}
	for range 2 {
		if err := newPortal(t, log, db, nil).Rebuild(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		id := fmt.Sprint("a", i%70)
		switch {
		case i >= 50 && i < 70:
			last = write(t, log, id, opened{Owner: "new"})
		case i%70 == 7:
			last = write(t, log, id, closed{}, opened{Owner: "again"})
		case i == 83:
			last = write(t, log, id, closed{})
		case i%70 != 13:
			last = write(t, log, id, deposited{1})
		}
	}
	return last
}

func renewing(c *projections.Config) { c.RenewFrom = 1 }

// tablesOf tells one set of tables from another, whatever their schema is called.
func tablesOf(t *testing.T, db *pgxpool.Pool, schema string) (oid uint32) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT $1::text::regnamespace::oid`, schema).Scan(&oid); err != nil {
		t.Fatal(err)
	}
	return oid
}

// checkRenewed checks that a view is at the end of the log and nothing is left over. It answers whether its tables were written anew.
func checkRenewed(t *testing.T, p *portal, tables uint32) bool {
	t.Helper()
	p.verify("bank")
	s := p.status("bank")
	if want := int64(len(all(t, p.log))); s.Events != want || s.Applied+s.Quarantined != want {
		t.Errorf("read %d, applied %d, quarantined %d of %d", s.Events, s.Applied, s.Quarantined, want)
	}
	generations, err := projections.Generations(t.Context(), p.db)
	if err != nil || len(generations) != 2 {
		t.Errorf("%d generations instead of the live and the previous one, %v", len(generations), err)
	}
	return tablesOf(t, p.db, "bank") != tables
}

// A view that is far behind is renewed under its readers: none fails, sees two states mixed, or goes back in time. What it
// was before the last swap can still be gone back to.
func TestAViewThatIsFarBehindIsRenewed(t *testing.T) {
	log, url := memory.New(bankRegistry()), postgrestest.URL(t)
	db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	readers := openPool(t, func() (*pgxpool.Pool, error) { return projections.OpenReaders(t.Context(), url, bank()) })
	last := farBehind(t, log, db)
	before, err := projections.Generations(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	tables := tablesOf(t, db, "bank")

	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	var reads atomic.Int64
	for range 4 {
		busy.Go(func() { readOn(ctx, t, readers, &reads) })
	}
	p := newPortal(t, log, db, renewing).start()
	p.await("bank", last)
	p.await("bank", write(t, log, "a1", deposited{1})) // the live path goes on where the renewal has ended
	cancel()
	busy.Wait()
	if !checkRenewed(t, p, tables) {
		t.Error("the tables are those of before")
	}
	after, err := projections.Generations(t.Context(), db)
	if err != nil || len(after) != 2 || after[0].ID != before[0].ID || after[1].ID != before[1].ID || !after[1].Indexed {
		t.Errorf("%+v instead of %+v, %v", after, before, err)
	}
	if err := p.Rollback(t.Context(), "bank", nil); err != nil {
		t.Error(err)
	}
	p.await("bank", write(t, log, "a1", deposited{1}))
	p.verify("bank")
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
}

// A view that has missed little, or less than it has rows, is brought forward row by row.
func TestAViewThatIsNearIsNotRenewed(t *testing.T) {
	for name, from := range map[string]int{"few events": 20_000, "never": -1} {
		t.Run(name, func(t *testing.T) {
			log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
			last := farBehind(t, log, db)
			tables := tablesOf(t, db, "bank")
			p := newPortal(t, log, db, func(c *projections.Config) { c.RenewFrom = from }).start()
			p.await("bank", last)
			if checkRenewed(t, p, tables) {
				t.Error("the tables were written anew")
			}
		})
	}
	t.Run("many rows", func(t *testing.T) {
		log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
		farBehind(t, log, db)
		p := newPortal(t, log, db, nil).start()
		p.await("bank", write(t, log, "a1", deposited{1}))
		p.stop()
		tables, last := tablesOf(t, db, "bank"), write(t, log, "a1", deposited{1}, deposited{1})
		newPortal(t, log, db, renewing).start().await("bank", last)
		if tablesOf(t, db, "bank") != tables {
			t.Error("the tables were written anew for two events")
		}
	})
}

// An event at fault ends a renewal, and the view halts before it as ever, whether the fold or Postgres refuses it. Once that is
// decided, the view goes on.
func TestARenewalLeavesAnEventAtFaultToTheView(t *testing.T) {
	for name, account := range map[string]string{"the fold refuses it": "nobody", "Postgres refuses it": "a1"} {
		t.Run(name, func(t *testing.T) {
			log, db := memory.New(bankRegistry(platform.Events)), postgrestest.Pool(t)
			before := farBehind(t, log, db)
			poison := write(t, log, account, deposited{2_000_000})
			p := newPortal(t, log, db, renewing).start()
			eventually(t, "the view halts", func() bool { return p.status("bank").Halted != nil })
			if s := p.status("bank"); s.Position != before || s.Halted.Position != poison.String() {
				t.Errorf("%+v, %+v", s, s.Halted)
			}
			h, err := p.Poison(t.Context(), "bank")
			if err != nil {
				t.Fatal(err)
			}
			quarantineEvent(t, log, "bank", h)
			p.await("bank", write(t, log, "a1", deposited{1}))
			checkRenewed(t, p, 0)
		})
	}
}

// A quarantined event is left out by a renewal as well, and that stands where it stands for all others.
func TestARenewalLeavesOutWhatIsQuarantined(t *testing.T) {
	log, db := memory.New(bankRegistry(platform.Events)), postgrestest.Pool(t)
	last := farBehind(t, log, db)
	tables := tablesOf(t, db, "bank")
	poison := write(t, log, "nobody", deposited{1})
	for r, err := range log.ReadAll(t.Context(), last, eventstore.Forward, 1) {
		if err != nil || r.Position != poison {
			t.Fatalf("%v, %v", r.Position, err)
		}
		quarantineEvent(t, log, "bank", projections.Halt{EventID: r.ID.String(), Position: r.Position.String()})
	}
	p := newPortal(t, log, db, renewing).start()
	p.await("bank", write(t, log, "a1", deposited{1}))
	if !checkRenewed(t, p, tables) || p.status("bank").Quarantined != 1 {
		t.Errorf("%+v", p.status("bank"))
	}
}

// whileReading does something when a build or renewal has begun to read.
type whileReading struct {
	*memory.Store
	once sync.Once
	do   func()
}

func (w *whileReading) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	if d == eventstore.Forward && !from.IsZero() {
		w.once.Do(w.do)
	}
	return w.Store.ReadAll(ctx, from, d, limit)
}

// Who has been shut out of the live tables meanwhile does not replace them.
func TestARenewalThatWasOvertakenChangesNothing(t *testing.T) {
	for name, overtake := range map[string]func(p *portal) error{
		"paused":  func(p *portal) error { return p.Pause(context.Background(), "bank") },
		"swapped": func(p *portal) error { return p.Rebuild(context.Background(), "bank", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
			last := farBehind(t, log, db)
			tables := tablesOf(t, db, "bank")
			other := newPortal(t, log, db, nil)
			var at uint32
			done := make(chan struct{})
			slow := &whileReading{Store: log, do: func() {
				defer close(done)
				if err := overtake(other); err != nil {
					t.Error(err)
				}
				at = tablesOf(t, db, "bank")
			}}
			p := newPortal(t, log, db, func(c *projections.Config) { c.RenewFrom, c.Store = 1, slow }).start()
			<-done
			eventually(t, "the renewal is gone", func() bool {
				g, err := projections.Generations(t.Context(), db)
				return err == nil && len(g) == 2
			})
			if got := tablesOf(t, db, "bank"); got != at || (name == "paused") != (got == tables) {
				t.Errorf("tables %d, when it was overtaken %d, before %d", got, at, tables)
			}
			if err := p.Resume(t.Context(), "bank"); err != nil {
				t.Fatal(err)
			}
			p.await("bank", last)
			checkRenewed(t, p, tables)
		})
	}
}

// A portal dies at each statement of a renewal. The next one begins anew or goes on, and comes to the rows of a rebuild.
func TestARenewalBrokenOffAtEachStep(t *testing.T) {
	log, url := memory.New(bankRegistry()), postgrestest.URL(t)
	db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	last := farBehind(t, log, db)
	tables, steps := tablesOf(t, db, "bank"), 0
	for done := false; !done; steps++ {
		broken := openBreaking(t, url, steps)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		e := newPortal(t, log, broken, renewing)
		_, err := e.Checkpoint(ctx, "bank")
		cancel()
		e.Stop()
		broken.Close()
		renewed := tablesOf(t, db, "bank") != tables
		done = err == nil && renewed
		at, err := projections.Position(t.Context(), db, "bank")
		if err != nil || renewed != (at == last) {
			t.Fatalf("broken off at statement %d: at %s of %s, %v", steps, at, last, err)
		}
	}
	t.Logf("%d statements", steps)
	if steps < 25 {
		t.Error("hardly anything was tried")
	}
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a1", deposited{1}))
	checkRenewed(t, p, tables)
}

// freezing stops a process at a statement, and from then on at all others.
type freezing struct {
	at     string
	frozen atomic.Bool
	thaw   chan struct{}
}

func (f *freezing) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, f.at) {
		f.frozen.Store(true)
	}
	if f.frozen.Load() {
		<-f.thaw
	}
	return ctx
}

func (*freezing) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A portal freezes while its renewal holds locks. Another takes over, and the first changes nothing when it is back.
func TestAPortalFrozenInARenewalIsTakenOver(t *testing.T) {
	for name, at := range map[string]string{"between its indexes": "ANALYZE", "when it exchanges the tables": "RENAME TO"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, url := memory.New(bankRegistry()), postgrestest.URL(t)
			db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
			last := farBehind(t, log, db)
			freeze := &freezing{at: at, thaw: make(chan struct{})}
			first := newPortal(t, log, openTraced(t, url, freeze), renewing).start()
			eventually(t, "the first is frozen", freeze.frozen.Load)
			began := time.Now()
			second := newPortal(t, log, db, renewing).start()
			second.await("bank", last)
			t.Logf("taken over in %v", time.Since(began))
			tables := tablesOf(t, db, "bank")
			close(freeze.thaw)
			first.stop()
			second.await("bank", write(t, log, "a1", deposited{1}))
			if checkRenewed(t, second, tables) {
				t.Error("the first has exchanged the tables after it had been shut out")
			}
		})
	}
}

// What a renewal has left whose portal died goes when it is old.
func TestALeftoverOfARenewalIsTidiedAway(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	farBehind(t, log, db)
	if _, err := db.Exec(t.Context(), `CREATE SCHEMA bank_renewal; INSERT INTO portal.generation (view, version, fingerprint, schema, state, created)
		VALUES ('bank', 1, '', 'bank_renewal', 'renewal', now() - interval '9 minutes')`); err != nil {
		t.Fatal(err)
	}
	p := newPortal(t, log, db, nil)
	for _, left := range []int{3, 2} {
		if err := p.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if g, err := projections.Generations(t.Context(), db); err != nil || len(g) != left {
			t.Errorf("%d generations instead of %d, %v", len(g), left, err)
		}
		if _, err := db.Exec(t.Context(), `UPDATE portal.generation SET created = created - interval '2 minutes'`); err != nil {
			t.Fatal(err)
		}
	}
}

// The live tables are exchanged while Verify builds what it compares them with: it begins anew, and does not take those that its
// snapshot can't see for empty.
func TestVerifyBeginsAnewWhenTablesAreExchanged(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	last := farBehind(t, log, db)
	other := newPortal(t, log, db, renewing)
	reads := 0
	slow := &whileVerifying{Store: log, do: func() {
		if reads++; reads == 1 {
			if _, err := other.Checkpoint(t.Context(), "bank"); err != nil {
				t.Error(err)
			}
			other.Stop()
		}
	}}
	at, err := newPortal(t, log, db, func(c *projections.Config) { c.Store = slow }).Verify(t.Context(), "bank", nil)
	if err != nil || at != last {
		t.Errorf("at %s instead of %s, %v", at, last, err)
	}
	if reads != 2 {
		t.Errorf("the log was read %d times", reads)
	}
}

// whileVerifying does something each time the log is read from its beginning.
type whileVerifying struct {
	*memory.Store
	do func()
}

func (w *whileVerifying) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	if d == eventstore.Forward && from.IsZero() {
		w.do()
	}
	return w.Store.ReadAll(ctx, from, d, limit)
}
