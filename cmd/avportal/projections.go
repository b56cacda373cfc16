package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/eventstore/people"
	"avportal/projections"
)

// viewTool is what the subcommands of `avportal projections` share: an engine that moves no live view.
type viewTool struct {
	data, postgres, eventStore string
	asJSON                     bool
	parallel                   int
	keep                       time.Duration

	store  *esdb.Store
	engine *projections.Engine
}

const viewExits = "\n\nThe exit code is 0 if all is well, 2 if a view differs or stands still, 1 if it could not be done."

func projectionsCommand() *cobra.Command {
	var v viewTool
	cmd := &cobra.Command{
		Use:   "projections",
		Short: "Look at the read models, build them anew, prove them, see the past",
		Long: "Look at the read models, build them anew from the log, and prove that they follow from it, while the portal runs.\n" +
			"Without --postgres-url and --eventstore-url the portal that runs on the data directory is used." + viewExits,
		Example: "  avportal projections status\n  avportal projections rebuild devices licenses\n  avportal projections verify --json",
	}
	cmd.PersistentFlags().StringVar(&v.data, "data", ".avportal", "data directory of a portal that runs here")
	cmd.PersistentFlags().StringVar(&v.postgres, "postgres-url", "", "Postgres of the portal")
	cmd.PersistentFlags().StringVar(&v.eventStore, "eventstore-url", "", "EventStoreDB of the portal")
	cmd.PersistentFlags().BoolVar(&v.asJSON, "json", false, "print JSON, one object a line")
	cmd.AddCommand(v.listCommand(), v.statusCommand(), v.rebuildCommand(), v.verifyCommand(), v.rollbackCommand(), v.dropCommand(),
		v.pauseCommand(), v.resumeCommand(), v.quarantineCommand(), v.rewindCommand(), v.asOfCommand())
	cmd.AddCommand(v.analystCommands()...)
	return cmd
}

// with connects to the portal's servers around a subcommand.
func (v *viewTool) with(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if v.postgres == "" || v.eventStore == "" {
			r, err := readRun(v.data)
			if err != nil {
				return fmt.Errorf("no --postgres-url and --eventstore-url, and no portal runs on %s: %w", v.data, err)
			}
			v.postgres, v.eventStore = r.Postgres, r.EventStore
		}
		db, err := pgxpool.New(cmd.Context(), v.postgres)
		if err != nil {
			return err
		}
		defer db.Close()
		keys, err := people.Open(cmd.Context(), db, time.Now)
		if err != nil {
			return err
		}
		if v.store, err = esdb.Open(esdb.Config{ConnectionString: v.eventStore, Registry: catalog.Registry(), Keys: keys}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.store.Close(context.WithoutCancel(cmd.Context()))) }()
		views, err := allViews(cmd.Context(), db)
		if err != nil {
			return err
		}
		if v.engine, err = projections.New(projections.Config{DB: db, Store: v.store, Views: views, KeepPrevious: v.keep}); err != nil {
			return err
		}
		if err := projections.Migrate(cmd.Context(), db); err != nil {
			return err
		}
		return run(cmd, args)
	}
}
