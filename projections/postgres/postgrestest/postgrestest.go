// Package postgrestest gives tests empty databases on a real server.
//
// The server is the one that AVPORTAL_TEST_POSTGRES names, which the test command starts once around a whole run. Without it, the
// first test of a test binary that needs one starts a server, which ends with the binary, however that ends.
package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"avportal/projections/postgres"
)

// Env names the variable with the URL of a server whose user may create databases.
const Env = "AVPORTAL_TEST_POSTGRES"

// startServer runs once per test binary. Package-wide, because tests of a package have no other place in common that needs no TestMain.
var startServer = sync.OnceValues(func() (string, error) {
	if configured := os.Getenv(Env); configured != "" {
		return configured, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // the programs may have to be fetched
	defer cancel()
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	srv, err := postgres.Start(ctx, postgres.Config{Fast: true, Log: quiet})
	if err != nil {
		return "", err
	}
	return srv.URL(), nil
})

// URL answers the connection string of a new, empty database, which is dropped when the test ends, open connections or not.
func URL(tb testing.TB) string {
	tb.Helper()
	server, err := startServer()
	if err != nil {
		tb.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := create(server, name); err != nil {
		tb.Fatalf("create a database for the test: %v", err)
	}
	tb.Cleanup(func() {
		if err := drop(server, name); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", Env, err)
	}
	u.Path = "/" + name
	return u.String()
}

// Pool opens a pool on a new, empty database and closes it when the test ends.
func Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(context.Background(), URL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// IgnoreServer keeps goleak from taking the goroutine that waits for the test server's end for a leak.
func IgnoreServer() goleak.Option {
	return goleak.IgnoreAnyFunction("avportal/projections/postgres.(*process).live")
}

func create(server, name string) error {
	return with(server, func(ctx context.Context, conn *pgx.Conn) error {
		// Nobody connects to template0, so it is never busy. Copying its files costs half of writing them to the log page by page,
		// which is the default from version 15 on, unless the server syncs them.
		statement := "CREATE DATABASE " + name + " TEMPLATE template0"
		if !strings.HasPrefix(conn.PgConn().ParameterStatus("server_version"), "14") {
			statement += " STRATEGY file_copy"
		}
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

func drop(server, name string) error {
	return with(server, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		return err
	})
}

// with lends a connection to the server's own database.
func with(server string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("the test server: %w", err)
	}
	defer conn.Close(ctx)
	return do(ctx, conn)
}
