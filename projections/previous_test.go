package projections_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain/platform"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

func (p *portal) generation(schema string) (projections.Generation, bool) {
	p.t.Helper()
	all, err := projections.Generations(context.Background(), p.db)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, g := range all {
		if g.Schema == schema {
			return g, true
		}
	}
	return projections.Generation{}, false
}

func (p *portal) hash(schema string) map[string]string {
	p.t.Helper()
	h, err := projections.Hash(context.Background(), p.db, schema)
	if err != nil {
		p.t.Fatal(err)
	}
	return h
}

// The previous generation goes on following the log, so going back to it shows all that has happened since.
func TestRollbackLosesNothing(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}))
	if err := p.Rollback(t.Context(), "bank", nil); !errors.Is(err, projections.ErrNoPrevious) {
		t.Errorf("without a previous generation: %v", err)
	}
	first, _ := p.generation("bank")
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		last := write(t, log, "a", deposited{2})
		p.await("bank", last)
		eventually(t, "the previous generation follows", func() bool { g, ok := p.generation("bank_prev"); return ok && g.Position == last })
		if err := p.Rollback(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
		if g, _ := p.generation("bank"); (g.ID == first.ID) != (round%2 == 0) || g.Position.Compare(last) < 0 {
			t.Errorf("round %d: live is generation %d at %s, the first was %d", round, g.ID, g.Position, first.ID)
		}
		p.verify("bank")
	}
	last := write(t, log, "a", deposited{3})
	p.await("bank", last)
	p.verify("bank")
	eventually(t, "the two are the same", func() bool { return maps.Equal(p.hash("bank"), p.hash("bank_prev")) })
	if s := p.status("bank"); s.Events != s.Applied || s.Events != int64(len(all(t, log))) {
		t.Errorf("%d events read, %d applied, the log has %d", s.Events, s.Applied, len(all(t, log)))
	}
}

// Where no portal runs, Rollback brings the previous generation level by itself.
func TestRollbackWithoutAPortalCatchesUp(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil)
	write(t, log, "a", opened{Owner: "Ann"})
	for range 2 {
		if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
		write(t, log, "a", deposited{1})
	}
	live, _ := p.generation("bank")
	prev, _ := p.generation("bank_prev")
	if prev.Position.Compare(live.Position) >= 0 {
		t.Fatalf("the previous generation is at %s, live at %s", prev.Position, live.Position)
	}
	if err := p.Rollback(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	now, _ := p.generation("bank")
	if now.ID != prev.ID || now.Position.Compare(live.Position) < 0 {
		t.Errorf("live is %+v", now)
	}
	p.verify("bank")
}

func TestPreviousGenerationsGoWhenTheirTimeIsOver(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}))
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g, ok := p.generation("bank_prev"); !ok || time.Until(g.KeepUntil) < 23*time.Hour {
		t.Errorf("a young one is gone, or goes too soon: %+v", g)
	}
	if _, err := db.Exec(t.Context(), `UPDATE portal.generation SET keep_until = 'epoch'`); err != nil { // of the live one too: it must not matter
		t.Fatal(err)
	}
	if err := p.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.generation("bank_prev"); ok {
		t.Error("it is still there")
	}
	p.await("bank", write(t, log, "a", deposited{1}))
	p.verify("bank")
	if err := p.Drop(t.Context(), "bank"); err == nil {
		t.Error("the live tables can be dropped")
	}
}

func TestAPausedViewStandsStillInEveryPortal(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	at := write(t, log, "a", opened{Owner: "Ann"})
	p.await("bank", at)
	operator := newPortal(t, log, db, nil) // in another process
	if err := operator.Pause(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	last := write(t, log, "a", deposited{1})
	time.Sleep(300 * time.Millisecond)
	if s := p.status("bank"); s.Position != at || !s.Paused || s.Halted != nil {
		t.Errorf("%+v", s)
	}
	if got := metric(t, p.Collector(), "avportal_view_paused", "bank"); got != 1 {
		t.Errorf("avportal_view_paused is %v", got)
	}
	if err := operator.Resume(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	p.await("bank", last)
	p.verify("bank")
}

// What the operator decides stands in the log: the live tables leave the event out, and so does each rebuild.
func TestQuarantineIsTheSameForLiveAndRebuild(t *testing.T) {
	registry := bankRegistry(platform.Events)
	log, db := memory.New(registry), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}))
	if _, err := p.Poison(t.Context(), "bank"); !errors.Is(err, projections.ErrNotHalted) {
		t.Errorf("a view that goes on has a poison event: %v", err)
	}
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil { // the previous generation must make the same choice
		t.Fatal(err)
	}
	for _, poison := range []func() eventstore.Position{
		func() eventstore.Position { return write(t, log, "nobody", deposited{1}) },      // the fold refuses it
		func() eventstore.Position { return write(t, log, "a", deposited{2_000_000}) },   // Postgres does
		func() eventstore.Position { return write(t, log, "b", pinged{}, deposited{7}) }, // the second of two
	} {
		at := poison()
		last := write(t, log, "a", deposited{4})
		eventually(t, "the view halts", func() bool { return p.status("bank").Halted != nil })
		h, err := p.Poison(t.Context(), "bank")
		if err != nil || h.Position != at.String() {
			t.Fatalf("%+v, %v; want the event at %s", h, err, at)
		}
		quarantineEvent(t, log, "bank", h)
		p.await("bank", last)
	}
	p.verify("bank")
	s := p.status("bank")
	if s.Quarantined != 3 || s.Events != s.Applied+s.Quarantined || s.Events < int64(len(all(t, log)))-1 {
		t.Errorf("read %d, applied %d, quarantined %d of %d", s.Events, s.Applied, s.Quarantined, len(all(t, log)))
	}
	want := p.hash("bank")
	eventually(t, "the previous generation is the same", func() bool { return maps.Equal(p.hash("bank_prev"), want) })
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(p.hash("bank"), want) {
		t.Error("the rebuild has other rows")
	}
	if s := p.status("bank"); s.Quarantined != 3 || s.Events != int64(len(all(t, log))) || s.Events != s.Applied+3 {
		t.Errorf("after the rebuild: read %d, applied %d, quarantined %d of %d", s.Events, s.Applied, s.Quarantined, len(all(t, log)))
	}
}

// A decision about an event that was applied before would make live and rebuild differ. The view says so.
func TestAQuarantineThatComesTooLateIsNoticed(t *testing.T) {
	log, db := memory.New(bankRegistry(platform.Events)), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	at := write(t, log, "a", opened{Owner: "Ann"}, deposited{1})
	p.await("bank", at)
	p.stop()
	events := all(t, log)
	quarantineEvent(t, log, "bank", projections.Halt{EventID: events[1].ID.String(), Position: events[1].Position.String()})
	p = newPortal(t, log, db, nil).start()
	eventually(t, "it is noticed", func() bool { return p.status("bank").Halted != nil })
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	p.await("bank", write(t, log, "a", deposited{1}))
	eventually(t, "it goes on", func() bool { s := p.status("bank"); return s.Halted == nil && s.Quarantined == 1 })
	p.verify("bank")
}

func quarantineEvent(t *testing.T, log *memory.Store, view string, h projections.Halt) {
	t.Helper()
	at := eventstore.NoStream
	for r, err := range log.Read(t.Context(), platform.ViewStream(view), eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			t.Fatal(err)
		}
		at = r.Revision
	}
	e := platform.EventQuarantined{View: view, Event: h.EventID, Position: h.Position, Reason: "test"}
	if _, err := log.Append(t.Context(), platform.ViewStream(view), at, []eventstore.Proposed{{ID: uuid.New(), Event: e}}); err != nil {
		t.Fatal(err)
	}
}
