package main

import (
	"fmt"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

func serviceConfig(arguments []string) *service.Config {
	return &service.Config{
		Name: "avagent", DisplayName: "AV Portal Agent",
		Description: "Reports this device's antivirus state to the AV Portal.",
		Arguments:   arguments,
		// A removed device ends with success and stays down; everything else is started again.
		Option: service.KeyValue{"Restart": "on-failure", "OnFailure": "restart", "RunAtLoad": true},
	}
}

func installCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Install and start the agent as a service of this machine",
		Long:    "Install and start the agent as a service of this machine (systemd, launchd, Windows services). The flags become the service's.",
		Example: "  sudo avagent install --root /home --root /srv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			if err := unlock(cmd, dir); err != nil {
				return err
			}
			s, err := service.New(&program{}, serviceConfig(append([]string{"run", "--service", "--state", dir.Path()}, o.arguments()...)))
			if err != nil {
				return fmt.Errorf("install: %w", err)
			}
			if err := s.Install(); err != nil {
				return fmt.Errorf("install: %w", err)
			}
			if err := s.Start(); err != nil {
				return fmt.Errorf("installed, but not started: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Installed and started. State is in %s.\n", dir.Path())
			return err
		},
	}
	o.bind(cmd)
	cmd.Flags().DurationVar(&o.interval, "interval", 0, "longest silence between two reports (default: what the portal says, usually 20m)")
	return cmd
}

func uninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "Stop the service and take it off this machine",
		Long:    "Stop the service and take it off this machine. The state directory stays, so that installing again continues as the same device.",
		Example: "  sudo avagent uninstall",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			if err := unlock(cmd, dir); err != nil {
				return err
			}
			s, err := service.New(&program{}, serviceConfig(nil))
			if err != nil {
				return fmt.Errorf("uninstall: %w", err)
			}
			_ = s.Stop() // it may not be running
			if err := s.Uninstall(); err != nil {
				return fmt.Errorf("uninstall: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "Uninstalled. The state directory was kept.")
			return err
		},
	}
}
