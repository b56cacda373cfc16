package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/user"
	"avportal/eventstore/esdb"
	"avportal/eventstore/people"
)

func peopleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "people", Short: "People in the log"}
	cmd.AddCommand(erasePersonCommand())
	return cmd
}

// erasePersonCommand does what DELETE /users/{id} does, for who runs the installation.
func erasePersonCommand() *cobra.Command {
	var data, postgres, eventStore, tenant string
	cmd := &cobra.Command{
		Use:   "erase USER...",
		Short: "Forget who users of a reseller were, for good",
		Long: "Forget who users of a reseller were, for good: the log says that they were erased, then the keys are destroyed that open\n" +
			"what it holds of them. Names and addresses can't be read any more in any copy of the log; what they did stays, by an id.\n" +
			"It may be repeated. Backups of the Postgres schema vault from before still hold the keys.",
		Example: "  avportal people erase --tenant 5ec0de00a11b4c0d8e0f1a2b3c4d5e6f 0c9c5c5a-7d2f-4d0e-9b0e-2f6f0a1b2c3d",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, users []string) (err error) {
			if !domain.Tenant(tenant).Valid() {
				return errors.New("--tenant needs 32 lower-case hex digits")
			}
			if postgres == "" || eventStore == "" {
				r, err := readRun(data)
				if err != nil {
					return fmt.Errorf("no --postgres-url and --eventstore-url, and no portal runs on %s: %w", data, err)
				}
				postgres, eventStore = r.Postgres, r.EventStore
			}
			db, err := pgxpool.New(cmd.Context(), postgres)
			if err != nil {
				return err
			}
			defer db.Close()
			vault, err := people.Open(cmd.Context(), db, time.Now)
			if err != nil {
				return err
			}
			store, err := esdb.Open(esdb.Config{ConnectionString: eventStore, Registry: catalog.Registry(), Keys: vault})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(cmd.Context()))) }()
			h := commands.New(store, commands.People(vault))
			for _, id := range users {
				rq := commands.Request{Actor: domain.SystemActor("operator", domain.Tenant(tenant)), At: time.Now(), ID: uuid.New()}
				if _, err := commands.EraseUser(cmd.Context(), h, rq, user.Erase{Tenant: domain.Tenant(tenant), User: domain.UserID(id), At: rq.At}); err != nil {
					return fmt.Errorf("user %s: %w", id, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is erased\n", id)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", ".avportal", "data directory of a portal that runs here")
	f.StringVar(&postgres, "postgres-url", "", "Postgres of the portal")
	f.StringVar(&eventStore, "eventstore-url", "", "EventStoreDB of the portal")
	f.StringVar(&tenant, "tenant", "", "the reseller: 32 hex digits")
	return cmd
}
