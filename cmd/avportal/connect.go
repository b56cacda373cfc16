package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/pflag"

	"avportal/commands"
	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/eventstore/people"
)

// servers are those of a portal: what its data directory says, if it runs on this machine, or what the flags say.
type servers struct {
	data, postgres, eventStore string
}

func (s *servers) flags(f *pflag.FlagSet) {
	f.StringVar(&s.data, "data", ".avportal", "data directory of a portal that runs here")
	f.StringVar(&s.postgres, "postgres-url", "", "Postgres of the portal")
	f.StringVar(&s.eventStore, "eventstore-url", "", "EventStoreDB of the portal")
}

// connection is what commands are carried out with beside a portal that runs.
type connection struct {
	db       *pgxpool.Pool
	store    *esdb.Store
	commands *commands.Handler
}

func (s *servers) connect(ctx context.Context) (c connection, err error) {
	if s.postgres == "" || s.eventStore == "" {
		r, err := readRun(s.data)
		if err != nil {
			return c, fmt.Errorf("no --postgres-url and --eventstore-url, and no portal runs on %s: %w", s.data, err)
		}
		s.postgres, s.eventStore = r.Postgres, r.EventStore
	}
	if c.db, err = pgxpool.New(ctx, s.postgres); err != nil {
		return c, err
	}
	vault, err := people.Open(ctx, c.db, time.Now)
	if err == nil {
		c.store, err = esdb.Open(esdb.Config{ConnectionString: s.eventStore, Registry: catalog.Registry(), Keys: vault})
	}
	if err != nil {
		c.db.Close()
		return c, err
	}
	c.commands = commands.New(c.store, commands.People(vault))
	return c, nil
}

// close ends it, and tells what went wrong before, too.
func (c connection) close(ctx context.Context, before error) error {
	err := errors.Join(before, c.store.Close(context.WithoutCancel(ctx)))
	c.db.Close()
	return err
}
