package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"avportal/cmd/avagent/agent"
)

func enrollCommand() *cobra.Command {
	var o options
	var e agent.Enrollment
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "enroll --server URL --tid TID",
		Short: "Make this device known to a portal",
		Long: `Make this device known to a portal. Repeating it is harmless. When the portal cannot be reached the
enrollment stays pending, the exit code is 1, and "avagent run" completes it.`,
		Example: "  avagent enroll --server https://portal.example.com --tid 1b9d6bcd\n  avagent enroll --server https://portal.example.com --tid 1b9d6bcd --group servers --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e.Server = strings.TrimRight(e.Server, "/")
			if e.Server == "" || e.TID == "" {
				return usageError{errNoServer}
			}
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			if e.Force {
				if err := unlock(cmd, dir); err != nil {
					return err
				}
			}
			a, err := o.agent(cmd.Context(), dir, textLog(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			id, err := a.Enroll(cmd.Context(), e)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"device_id": id.DeviceID, "server": id.Server, "state_dir": dir.Path()})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Enrolled with %s as device %s.\nNext: avagent run, or avagent install to run it as a service.\n", id.Server, id.DeviceID)
			return err
		},
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&e.Server, "server", "", "`address` of the portal")
	f.StringVar(&e.TID, "tid", "", "enrollment token of the license or group, from the portal")
	f.StringVar(&e.Group, "group", "", "`id` of a group in that license (default: the token's own)")
	f.BoolVar(&e.AllowPlain, "allow-http", false, "permit unencrypted HTTP to another machine")
	f.BoolVar(&e.Force, "force", false, "leave the portal or license that the device is enrolled with")
	bindJSON(cmd, &asJSON)
	return cmd
}
