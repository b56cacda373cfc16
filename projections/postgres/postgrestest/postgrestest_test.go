package postgrestest_test

import (
	"context"
	"testing"

	"avportal/projections/postgres/postgrestest"
)

func TestEveryCallerGetsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	first, second := postgrestest.Pool(t), postgrestest.Pool(t)
	ctx := context.Background()
	if _, err := first.Exec(ctx, "CREATE TABLE device (name text)"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []struct {
		name  string
		found int
	}{{"first", 1}, {"second", 0}} {
		pool := first
		if db.name == "second" {
			pool = second
		}
		var tables int
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
			t.Fatal(err)
		}
		if tables != db.found {
			t.Errorf("the %s database has %d tables, want %d", db.name, tables, db.found)
		}
	}
}
