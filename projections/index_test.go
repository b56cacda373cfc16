package projections_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// A build is broken off at each of its statements, those that make indexes included. The next try ends it, with all indexes.
func TestABuildBrokenOffAtEachStep(t *testing.T) {
	log, url := memory.New(bankRegistry()), postgrestest.URL(t)
	db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	view := bank()
	view.Indexes = `CREATE SCHEMA IF NOT EXISTS elsewhere; -- comes first; indexes follow
		CREATE INDEX account_owner ON account (tenant, owner, id); create unique index account_id ON account (id, tenant);
		CREATE INDEX day_day ON day (day);`
	change := func(c *projections.Config) { c.Views = []projections.View{view} }
	write(t, log, "a", opened{Owner: "Ann"}, deposited{1})
	p := newPortal(t, log, db, change)
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	const indexes = 3 + 3 // and the primary keys
	steps := 0
	for done := false; !done; steps++ {
		write(t, log, fmt.Sprint("b", steps), opened{Owner: "Bob"})
		broken := openBreaking(t, url, steps)
		done = newPortal(t, log, broken, change).Build(t.Context(), "bank", nil) == nil
		broken.Close()
		if err := p.Build(t.Context(), "bank", nil); err != nil {
			t.Fatalf("broken off at statement %d: %v", steps, err)
		}
		var made int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_indexes WHERE schemaname = 'bank_next'`).Scan(&made); err != nil || made != indexes {
			t.Fatalf("broken off at statement %d: %d indexes, %v", steps, made, err)
		}
		if err := p.Swap(t.Context(), "bank"); err != nil {
			t.Fatal(err)
		}
		p.verify("bank")
	}
	t.Logf("%d statements", steps)
	if steps < 12 {
		t.Error("hardly anything was tried")
	}
}
