package projections_test

import (
	"fmt"
	"testing"

	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

// catchUpLog has many events of few accounts, so that each batch of a catch-up meets rows of the one before.
func catchUpLog(t *testing.T, events int) *memory.Store {
	log := memory.New(bankRegistry())
	for i := range 20 {
		write(t, log, fmt.Sprint("a", i), opened{Owner: fmt.Sprint("o", i%3)})
	}
	for i := range events {
		id := fmt.Sprint("a", i%20)
		switch i % 97 {
		case 0:
			write(t, log, id, closed{}, opened{Owner: "again"})
		case 1:
			write(t, log, id, moved{To: fmt.Sprint("o", i%5)}, tagged{[]string{"t"}})
		default:
			write(t, log, id, deposited{1})
		}
	}
	return log
}

// A view that catches up writes batches while it folds the next. Rows come to what a rebuild makes of them.
func TestCatchingUpIsARebuild(t *testing.T) {
	log, db := catchUpLog(t, 6000), postgrestest.Pool(t)
	if err := newPortal(t, memory.New(bankRegistry()), db, nil).Rebuild(t.Context(), "bank", nil); err != nil { // so that there is all to catch up with
		t.Fatal(err)
	}
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a1", deposited{1}))
	p.verify("bank")
}

// A catch-up meets its rows side by side if they were laid down so.
func TestARebuildLaysRowsDownByTheirKeys(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	for i := range 1500 {
		write(t, log, fmt.Sprintf("%04d", i*7%1500), opened{Owner: "o"})
	}
	if err := newPortal(t, log, db, nil).Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	var rows, inOrder int
	if err := db.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE left(id, 2) >= before) FROM
		(SELECT id, lag(left(id, 2), 1, '') OVER (ORDER BY ctid) AS before FROM bank.account) AS a`).Scan(&rows, &inOrder); err != nil {
		t.Fatal(err)
	}
	if rows != 1500 || inOrder != rows {
		t.Errorf("%d of %d rows lie in the order of their keys", inOrder, rows)
	}
}

// Many changed rows go through temporary tables, which stay while there is more. One that was there for weeks would hold up the
// freezing of old rows in the whole database.
func TestTemporaryTablesAreGoneWhenAViewHasCaughtUp(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	const accounts = 1500
	for i := range accounts {
		write(t, log, fmt.Sprint("a", i), opened{Owner: fmt.Sprint("o", i%3)})
	}
	if err := newPortal(t, log, db, nil).Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * accounts {
		write(t, log, fmt.Sprint("a", i%accounts), deposited{1})
	}
	p := newPortal(t, log, db, nil)
	defer p.Stop()
	at, err := p.Checkpoint(t.Context(), "bank")
	if err != nil {
		t.Fatal(err)
	}
	var missed []eventstore.Recorded
	for _, r := range all(t, log) {
		if r.Position.Compare(at) > 0 {
			missed = append(missed, r)
		}
	}
	temporary := func() (n int) {
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	parts := batches(missed, accounts)
	for i, b := range parts {
		b.After, b.More = at, i < len(parts)-1
		if err := p.Handler("bank")(eventstore.NewMessage(t.Context(), b)); err != nil {
			t.Fatal(err)
		}
		if at, err = p.Checkpoint(t.Context(), "bank"); err != nil || at != b.Last() { // waits for what flies
			t.Fatalf("the checkpoint is %v instead of %v: %v", at, b.Last(), err)
		}
		if n := temporary(); (n > 0) != b.More {
			t.Errorf("after batch %d of %d there are %d temporary tables", i+1, len(parts), n)
		}
	}
	p.verify("bank")
}

// An event that Postgres refuses in the midst of a catch-up is found, what stands before it is applied, and nothing after it.
func TestARefusedEventIsFoundInACatchUp(t *testing.T) {
	log, db := catchUpLog(t, 1500), postgrestest.Pool(t)
	if err := newPortal(t, memory.New(bankRegistry()), db, nil).Rebuild(t.Context(), "bank", nil); err != nil { // so that there is all to catch up with
		t.Fatal(err)
	}
	before := write(t, log, "a3", deposited{1})
	poison := write(t, log, "a4", deposited{2_000_000})
	for i := range 1500 {
		write(t, log, fmt.Sprint("a", i%20), deposited{1})
	}
	p := newPortal(t, log, db, nil).start()
	eventually(t, "the view halts", func() bool { return p.status("bank").Halted != nil })
	if s := p.status("bank"); s.Position != before || s.Halted.Position != poison.String() {
		t.Errorf("at %v, halted at %+v instead of %v", s.Position, s.Halted, poison)
	}
}

// What flew when it failed is told by the next batch, and comes again from the checkpoint on.
func TestAFlightThatFailsIsToldByTheNextBatch(t *testing.T) {
	history, db := all(t, catchUpLog(t, 1200)), postgrestest.Pool(t)
	v, log := bank(), &projectiontest.Log{}
	e, err := projections.New(projections.Config{DB: db, Store: log, Views: []projections.View{v}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	if err := projections.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	checkpoint := func() eventstore.Position {
		at, err := e.Checkpoint(t.Context(), v.Name)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	checkpoint()
	log.Events = history
	deliver := func(b eventstore.Batch) error { return e.Handler(v.Name)(eventstore.NewMessage(t.Context(), b)) }
	parts := batches(history, 500)
	parts[0].More, parts[1].More = true, true
	if err := deliver(parts[0]); err != nil {
		t.Fatal(err)
	}
	if at := checkpoint(); at != parts[0].Last() { // waits for what flies
		t.Fatalf("the checkpoint is %v instead of %v", at, parts[0].Last())
	}
	if _, err := db.Exec(t.Context(), `UPDATE bank.account SET id = 'gone' WHERE id = 'a7'`); err != nil {
		t.Fatal(err)
	}
	if err := deliver(parts[1]); err != nil {
		t.Fatalf("it was known before the next batch: %v", err)
	}
	if err := deliver(parts[2]); err == nil {
		t.Fatal("that a row was missing was not told")
	}
	if at := checkpoint(); at != parts[0].Last() {
		t.Errorf("the checkpoint is %v instead of %v", at, parts[0].Last())
	}
	if _, err := db.Exec(t.Context(), `UPDATE bank.account SET id = 'a7' WHERE id = 'gone'`); err != nil {
		t.Fatal(err)
	}
	for _, b := range parts[1:] {
		if err := deliver(b); err != nil {
			t.Fatal(err)
		}
	}
	if at := checkpoint(); at != parts[len(parts)-1].Last() {
		t.Errorf("in the end, the checkpoint is %v", at)
	}
}

// A view that is far behind writes several batches with one flight. If an event in the next can't be applied, they come again, and
// then all that stands before the event is applied.
func TestWhatWasGatheredComesAgainBeforeAnEventAtFault(t *testing.T) {
	log, db := catchUpLog(t, 7000), postgrestest.Pool(t)
	before := write(t, log, "a3", deposited{1})
	poison := write(t, log, "a3", opened{Owner: "there already"})
	p := newPortal(t, memory.New(bankRegistry()), db, nil)
	defer p.Stop()
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil { // so that there is all to catch up with
		t.Fatal(err)
	}
	p = newPortal(t, log, db, nil)
	defer p.Stop()
	checkpoint := func() eventstore.Position {
		at, err := p.Checkpoint(t.Context(), "bank")
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	checkpoint()
	deliver := func(b eventstore.Batch) error { return p.Handler("bank")(eventstore.NewMessage(t.Context(), b)) }
	parts := batches(all(t, log), 2500)
	parts[0].More, parts[1].More = true, true
	for i := range 2 {
		if err := deliver(parts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := deliver(parts[2]); err == nil {
		t.Fatal("an account was opened twice")
	}
	if s := p.status("bank"); s.Halted != nil || s.Position != parts[0].Last() {
		t.Errorf("at %v instead of %v, halted at %+v", s.Position, parts[0].Last(), s.Halted)
	}
	if at := checkpoint(); at != parts[0].Last() {
		t.Fatalf("the checkpoint is %v instead of %v", at, parts[0].Last())
	}
	if err := deliver(parts[1]); err != nil { // written, and this time the next follows
		t.Fatal(err)
	}
	if at := checkpoint(); at != parts[1].Last() {
		t.Fatalf("the checkpoint is %v instead of %v", at, parts[1].Last())
	}
	if err := deliver(parts[2]); err == nil {
		t.Fatal("an account was opened twice")
	}
	if s := p.status("bank"); s.Position != before || s.Halted == nil || s.Halted.Position != poison.String() {
		t.Errorf("at %v instead of %v, halted at %+v", s.Position, before, s.Halted)
	}
}

// A portal that stops forgets what it has gathered; the next one begins where the rows are.
func TestWhatWasGatheredIsNotLostWithThePortal(t *testing.T) {
	log, db := catchUpLog(t, 7000), postgrestest.Pool(t)
	if err := newPortal(t, memory.New(bankRegistry()), db, nil).Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	p := newPortal(t, log, db, nil)
	if _, err := p.Checkpoint(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches(all(t, log), 2500)[:2] {
		b.More = true
		if err := p.Handler("bank")(eventstore.NewMessage(t.Context(), b)); err != nil {
			t.Fatal(err)
		}
	}
	p.Stop()
	p = newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a1", deposited{1}))
	p.verify("bank")
}
