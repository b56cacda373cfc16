package main

import (
	"time"

	"github.com/spf13/cobra"

	"avportal/eventstore/esdb"
	"avportal/projections"
)

// viewTool is what the subcommands of `avportal projections` share: an engine that moves no live view.
type viewTool struct {
	servers
	asJSON   bool
	parallel int
	keep     time.Duration

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
	v.flags(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&v.asJSON, "json", false, "print JSON, one object a line")
	cmd.AddCommand(v.listCommand(), v.statusCommand(), v.rebuildCommand(), v.verifyCommand(), v.rollbackCommand(), v.dropCommand(),
		v.pauseCommand(), v.resumeCommand(), v.quarantineCommand(), v.rewindCommand(), v.asOfCommand())
	cmd.AddCommand(v.analystCommands()...)
	return cmd
}

// with connects to the portal's servers around a subcommand.
func (v *viewTool) with(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		c, err := v.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { err = c.close(cmd.Context(), err) }()
		v.store = c.store
		views, err := allViews(cmd.Context(), c.db)
		if err != nil {
			return err
		}
		if v.engine, err = projections.New(projections.Config{DB: c.db, Store: v.store, Views: views, KeepPrevious: v.keep}); err != nil {
			return err
		}
		if err := projections.Migrate(cmd.Context(), c.db); err != nil {
			return err
		}
		return run(cmd, args)
	}
}
