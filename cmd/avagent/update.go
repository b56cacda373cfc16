package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func updateCommand() *cobra.Command {
	var o options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Update the signatures now",
		Long: `Fetch the signature database with freshclam if --update-url is given, have the engine read the database again, and
print its version.`,
		Example: "  avagent update --update-url https://portal.example.com/signatures/portal.ndb",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			a, err := o.agent(cmd.Context(), dir, textLog(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			stop := progress(cmd.ErrOrStderr(), "updating signatures")
			v, err := a.Update(cmd.Context())
			stop()
			if err != nil {
				return err
			}
			if _, err := a.Report(cmd.Context()); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"signature_version": v.Version, "signature_date": v.Date})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Signatures are version %s of %s.\n", v.Version, v.Date.Format(time.DateTime+" MST"))
			return err
		},
	}
	o.bind(cmd)
	bindJSON(cmd, &asJSON)
	return cmd
}
