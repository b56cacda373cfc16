package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postmaster is the process id of the bench's own server, 0 if it is not known.
func (b *bench) postmaster() int {
	text, err := os.ReadFile(filepath.Join(b.dir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}

// exec runs statements on the server's first database, one by one: some of them refuse to stand in a transaction.
func (b *bench) exec(ctx context.Context, statements ...string) error {
	server, err := b.postgresURL(ctx)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// database makes a database, empty or a copy of another that nobody is connected to, and has what that wrote settle on the
// disk, so that it does not burden what is measured next.
func (b *bench) database(ctx context.Context, name, template string) error {
	create := "CREATE DATABASE " + name
	if template != "" {
		create += " TEMPLATE " + template + " STRATEGY file_copy"
	}
	return b.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)", create, "CHECKPOINT")
}

func (b *bench) drop(ctx context.Context, name string) error {
	return b.exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func (b *bench) databaseURL(ctx context.Context, name string) (string, error) {
	server, err := b.postgresURL(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func (b *bench) pool(ctx context.Context, name string) (*pgxpool.Pool, error) {
	address, err := b.databaseURL(ctx, name)
	if err != nil {
		return nil, err
	}
	return pgxpool.New(ctx, address)
}

// inCopy runs f on a fresh copy of a database.
func (b *bench) inCopy(ctx context.Context, template string, f func(*pgxpool.Pool) error) error {
	const name = "copied"
	if err := b.database(ctx, name, template); err != nil {
		return err
	}
	return b.inDatabase(ctx, name, f)
}

func (b *bench) inDatabase(ctx context.Context, name string, f func(*pgxpool.Pool) error) error {
	pool, err := b.pool(ctx, name)
	if err != nil {
		return err
	}
	defer pool.Close()
	return f(pool)
}
