package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"avportal/http/agent/wire"
)

func scanCommand() *cobra.Command {
	var o options
	var full, asJSON bool
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "Scan now, and report what is found",
		Long: `Scan the paths given, or do a quick scan, or a full one. What is found, and what is found gone, is reported to the
portal by the running agent. Exit code 3 means that there are threats.`,
		Example: "  avagent scan\n  avagent scan --full\n  avagent scan ~/Downloads --json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, paths []string) error {
			if full && len(paths) > 0 {
				return usageError{errors.New("either --full or paths")}
			}
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			a, err := o.agent(cmd.Context(), dir, textLog(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			profile := wire.ProfileQuick
			switch {
			case full:
				profile = wire.ProfileFull
			case len(paths) > 0:
				profile = wire.ProfilePath
			}
			stop := progress(cmd.ErrOrStderr(), "scanning")
			scan, threats, err := a.Scan(cmd.Context(), profile, paths)
			stop()
			if printErr := printScan(cmd, asJSON, scan, threats); err == nil {
				err = printErr
			}
			switch {
			case err != nil:
				return err
			case scan.Infected > 0:
				return errThreats
			case len(threats) == 0:
				return firstMissing(paths)
			}
			return nil
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&full, "full", false, "scan all roots instead of the quick ones")
	bindJSON(cmd, &asJSON)
	return cmd
}

// firstMissing tells a slip of the keyboard from a clean file. Scanning a path that is gone makes sense only when it
// shows a known threat to be gone too.
func firstMissing(paths []string) error {
	for _, p := range paths {
		if _, err := os.Lstat(p); err != nil {
			return err
		}
	}
	return nil
}

func printScan(cmd *cobra.Command, asJSON bool, scan wire.Scan, threats []wire.Threat) error {
	out := cmd.OutOrStdout()
	if scan.Outcome == "" { // it never began
		return nil
	}
	if asJSON {
		return printJSON(out, struct {
			Scan    wire.Scan     `json:"scan"`
			Threats []wire.Threat `json:"threats"`
		}{scan, append([]wire.Threat{}, threats...)})
	}
	for _, t := range threats {
		state := "FOUND"
		if t.Resolved {
			state = "GONE"
		}
		if _, err := fmt.Fprintf(out, "%-5s  %q  %s\n", state, t.Path, t.Name); err != nil {
			return err
		}
	}
	files := "files"
	if scan.Files >= 0 {
		files = fmt.Sprintf("%d files", scan.Files)
	}
	_, err := fmt.Fprintf(out, "Scan %s in %v: %s, %d infected, %d not readable.\n", scan.Outcome,
		scan.FinishedAt.Sub(scan.StartedAt).Round(time.Millisecond), files, scan.Infected, scan.Errors)
	return err
}
