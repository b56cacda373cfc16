package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"avportal/cmd/avagent/agent"
)

func statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Tell how this device stands, without asking the portal",
		Example: "  avagent status\n  avagent status --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := openState(cmd)
			if err != nil {
				return err
			}
			s, err := agent.ReadStatus(dir)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printStatus(cmd.OutOrStdout(), s)
		},
	}
	bindJSON(cmd, &asJSON)
	return cmd
}

func printStatus(w io.Writer, s agent.Status) error {
	line := func(name, format string, args ...any) string {
		return fmt.Sprintf("%-14s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	text := line("Enrollment", "%s", s.Enrollment)
	if s.Server != "" {
		text += line("Portal", "%s", s.Server)
	}
	if s.DeviceID != "" {
		text += line("Device", "%s", s.DeviceID)
	}
	text += line("Running", "%v", s.Running)
	text += line("Last contact", "%s", when(s.LastContact))
	if s.Problem != "" {
		text += line("Problem", "%s", s.Problem)
	}
	text += line("Queue", "%d entries, %d bytes, oldest %s; given up: %d, refused by the portal: %d",
		s.Queue.Entries, s.Queue.Bytes, when(s.Queue.Oldest), s.Queue.Dropped, s.Queue.Rejected)
	text += line("Commands", "%d open", s.OpenTasks)
	if s.LastScan != nil {
		text += line("Last scan", "%s, %s, %d infected", when(s.LastScan.FinishedAt), s.LastScan.Outcome, s.LastScan.Infected)
	}
	switch {
	case s.Realtime.On:
		text += line("Realtime", "on")
	case s.Realtime.Problem != "":
		text += line("Realtime", "off: %s", s.Realtime.Problem)
	default:
		text += line("Realtime", "off")
	}
	text += line("Open threats", "%d", len(s.OpenThreats))
	for _, t := range s.OpenThreats {
		text += fmt.Sprintf("  %q  %s, since %s\n", t.Path, t.Name, when(t.FoundAt))
	}
	text += line("State", "%s", s.StateDir)
	_, err := io.WriteString(w, text)
	return err
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.DateTime)
}
