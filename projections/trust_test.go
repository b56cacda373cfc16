package projections_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// A log is restored from a copy that ends anywhere, and written to again, less far or farther than the view has come. The
// view is refused, and the command that it names heals it.
func TestARestoredLogIsNoticedHoweverLongItIs(t *testing.T) {
	db := postgrestest.Pool(t)
	ids := make([]uuid.UUID, 12)
	for i := range ids {
		ids[i] = uuid.New()
	}
	original := func(n int) *memory.Store {
		log := memory.New(bankRegistry())
		for i, id := range ids[:n] {
			var e eventstore.Proposed
			if e = (eventstore.Proposed{ID: id, Event: deposited{1}}); i == 0 {
				e.Event = opened{Owner: "Ann"}
			}
			if _, err := log.Append(t.Context(), accountStream("a"), eventstore.Revision(i-1), []eventstore.Proposed{e}); err != nil {
				t.Fatal(err)
			}
		}
		return log
	}
	for cut := 1; cut < len(ids); cut++ {
		for _, more := range []int{0, len(ids) - cut, 2 * len(ids)} {
			v := bank()
			v.Name = fmt.Sprintf("bank_%d_%d", cut, more)
			with := func(c *projections.Config) { c.Views = []projections.View{v} }
			before := newPortal(t, original(len(ids)), db, with)
			if err := before.Rebuild(t.Context(), v.Name, nil); err != nil {
				t.Fatal(err)
			}
			restored := original(cut)
			for range more {
				write(t, restored, "a", deposited{1})
			}
			after := newPortal(t, restored, db, with)
			_, err := after.Checkpoint(t.Context(), v.Name)
			after.Stop()
			if !errors.Is(err, projections.ErrAhead) || !strings.Contains(err.Error(), "avportal projections rebuild "+v.Name) {
				t.Fatalf("cut after %d, %d more: %v", cut, more, err)
			}
			if s := after.status(v.Name); s.Halted == nil {
				t.Errorf("cut after %d, %d more: the status does not say so", cut, more)
			}
			if _, err := after.Verify(t.Context(), v.Name, nil); !errors.Is(err, projections.ErrAhead) {
				t.Errorf("verify: %v", err)
			}
			if err := after.Rebuild(t.Context(), v.Name, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := after.Checkpoint(t.Context(), v.Name); err != nil {
				t.Errorf("cut after %d, %d more, rebuilt: %v", cut, more, err)
			}
			after.Stop()
			after.verify(v.Name)
			if err := after.Rollback(t.Context(), v.Name, nil); !errors.Is(err, projections.ErrAhead) {
				t.Errorf("rolled back to tables of another log: %v", err)
			}
		}
	}
}

// The same log is never taken for another one, wherever the view stands.
func TestTheSameLogIsTrusted(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	for i := range 10 {
		p.await("bank", write(t, log, fmt.Sprint("a", i), opened{Owner: "Ann"}, deposited{1}))
		p.stop()
		write(t, log, fmt.Sprint("a", i), deposited{1})
		p.start()
	}
	last := write(t, log, "a0", deposited{1})
	p.await("bank", last)
	if s := p.status("bank"); s.Halted != nil {
		t.Errorf("%+v", s.Halted)
	}
	p.verify("bank")
}

// Two portals move the same views while leases are lost and connections cut at random. In the end each event was applied once.
func TestTwoPortalsUnderRandomLosses(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
	first := newPortal(t, log, db, nil).start()
	second := newPortal(t, log, db, func(c *projections.Config) { c.MaxBatch, c.RenewFrom = 3, 1 }).start()
	last := write(t, log, "first", opened{Owner: "Ann"})
	first.await("bank", last)
	for i := range 60 {
		last = write(t, log, fmt.Sprint("a", i), opened{Owner: "Ann"}, deposited{1}, transferred{To: fmt.Sprint("a", random.IntN(i+1)), Amount: 1})
		var err error
		switch random.IntN(6) {
		case 0: // the lease is lost without the holder's knowing
			_, err = db.Exec(t.Context(), `UPDATE portal.lease SET beat = 'epoch', pid = 0`)
		case 1: // the holder's connection breaks
			_, err = db.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM portal.lease WHERE pid <> 0`)
		case 2:
			err = first.Rebuild(t.Context(), "bank", nil)
			if errors.Is(err, projections.ErrFenced) { // its lease was taken away: it says so, and changes nothing
				err = nil
			}
		case 3:
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	second.await("bank", last)
	first.verify("bank")
	if s := second.status("bank"); s.Events != int64(len(all(t, log))) || s.Applied != s.Events {
		t.Errorf("%d events read and %d applied of %d", s.Events, s.Applied, len(all(t, log)))
	}
}

// Verify leaves its outcome where metrics find it; with VerifyEvery that happens by itself.
func TestTheOutcomeOfVerifyIsAMetric(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	// Not all the time: a comparison holds the live tables, and the swap below needs them for a moment.
	p := newPortal(t, log, db, func(c *projections.Config) { c.VerifyEvery = 400 * time.Millisecond }).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{5}))
	eventually(t, "it is verified", func() bool { return !p.status("bank").Verified.IsZero() })
	if got := metric(t, p.Collector(), "avportal_view_differs", "bank"); got != 0 {
		t.Errorf("avportal_view_differs is %v", got)
	}
	if _, err := db.Exec(t.Context(), `UPDATE bank.account SET balance = 6`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the difference is seen", func() bool { return p.status("bank").Differs != "" })
	if got := metric(t, p.Collector(), "avportal_view_differs", "bank"); got != 1 {
		t.Errorf("avportal_view_differs is %v", got)
	}
	if at := metric(t, p.Collector(), "avportal_view_verified_timestamp_seconds", "bank"); time.Since(time.UnixMilli(int64(at*1000))).Abs() > time.Minute {
		t.Errorf("verified at %v", at)
	}
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rebuild is as it should be", func() bool { s := p.status("bank"); return !s.Verified.IsZero() && s.Differs == "" })
}
