package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"avportal/projections/postgres"
)

// testPostgresCommand lets one Postgres serve a whole test run. It is for the Makefile.
func testPostgresCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "postgres -- COMMAND [ARG ...]",
		Short:   "Run a command beside a Postgres for tests, named to it by AVPORTAL_TEST_POSTGRES",
		Long:    "Run a command beside a temporary Postgres without durability. The exit code is the command's.",
		Example: "  avportal dev postgres -- go test ./...",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := postgres.RunWith(cmd.Context(), postgres.Config{Fast: true, Log: newLogger()}, args, func(url string) []string {
				return []string{"AVPORTAL_TEST_POSTGRES=" + url}
			})
			if err != nil {
				return errors.Join(err, errors.New(filepath.Base(args[0])+" was not run to its end"))
			}
			if code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}
