package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, postgrestest.IgnoreServer())
}

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

func TestTheDatabaseEndsWithTheTestEvenWhenItLeavesConnections(t *testing.T) {
	ctx := context.Background()
	var url string
	var left *pgx.Conn
	t.Run("careless", func(t *testing.T) {
		url = postgrestest.URL(t)
		var err error
		if left, err = pgx.Connect(ctx, url); err != nil {
			t.Fatal(err)
		}
	})
	if err := left.Ping(ctx); err == nil {
		t.Error("the forgotten connection still holds its database")
	}
	left.Close(ctx)
	if conn, err := pgx.Connect(ctx, url); err == nil {
		conn.Close(ctx)
		t.Error("the database is still there after its test")
	}
}
