package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"avportal/projections"
)

func (v *viewTool) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Where each view and policy stands",
		Long: "Where each view stands: how far it follows the log, whether it has halted before an event or is paused, and how many events it\n" +
			"has applied and left out. Together these are all that it has read. Policies, which react to events instead of showing them, are listed\n" +
			"below." + viewExits,
		Example: "  avportal projections status\n  avportal projections status --json", Args: cobra.NoArgs, RunE: v.with(v.status),
	}
}

// viewStatus is one line of `status --json`.
type viewStatus struct {
	View        string    `json:"view"`
	State       string    `json:"state"` // up_to_date, behind, paused, halted, not_built
	Version     int       `json:"version"`
	Position    string    `json:"position"`
	Log         string    `json:"log"`
	Events      int64     `json:"events"` // = applied + quarantined
	Applied     int64     `json:"applied"`
	Quarantined int64     `json:"quarantined"`
	Halted      *haltLine `json:"halted,omitempty"`
	Previous    string    `json:"previous_until,omitempty"`
	Verified    string    `json:"verified,omitempty"`
	Differs     string    `json:"differs,omitempty"`
}

type haltLine struct {
	Event    string `json:"event"`
	Type     string `json:"type"`
	Position string `json:"position"`
	Error    string `json:"error"`
	Since    string `json:"since"`
}

func (h *haltLine) print(out io.Writer, who string) {
	fmt.Fprintf(out, "\n%s stands before %s %s at %s since %s:\n  %s\n", who, h.Type, h.Event, h.Position, h.Since, h.Error)
}

func statusOf(s projections.Status) viewStatus {
	out := viewStatus{
		View: s.View, State: s.State(), Version: s.Version, Position: s.Position.String(), Log: s.Head.String(), Events: s.Events,
		Applied: s.Applied, Quarantined: s.Quarantined, Verified: stamp(s.Verified), Differs: s.Differs,
	}
	if s.Previous != nil {
		out.Previous = stamp(s.Previous.KeepUntil)
	}
	if h := s.Halted; h != nil {
		out.Halted = lineOfHalt(h)
	}
	return out
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (v *viewTool) status(cmd *cobra.Command, _ []string) error {
	all, err := v.engine.Status(cmd.Context())
	if err != nil {
		return err
	}
	still := false
	lines := make([]viewStatus, len(all))
	for i, s := range all {
		lines[i] = statusOf(s)
		still = still || s.Halted != nil || s.Differs != ""
	}
	if err := v.print(cmd.OutOrStdout(), lines); err != nil {
		return err
	}
	halted, err := v.statusOfPolicies(cmd)
	if err != nil {
		return err
	}
	if still || halted {
		return exitCode(differs)
	}
	return nil
}

func (v *viewTool) print(out io.Writer, lines []viewStatus) error {
	if v.asJSON {
		return jsonLines(out, lines)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tVERSION\tSTATE\tPOSITION\tLOG\tAPPLIED\tQUARANTINED\tVERIFIED\tROLLBACK UNTIL")
	for _, s := range lines {
		verified := s.Verified
		if s.Differs != "" {
			verified += " DIFFERS"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", s.View, s.Version, s.State, s.Position, s.Log, s.Applied, s.Quarantined, dash(verified), dash(s.Previous))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range lines {
		if s.Halted != nil {
			s.Halted.print(out, s.View)
		}
		if s.Differs != "" {
			fmt.Fprintf(out, "\n%s\n", s.Differs)
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func jsonLines[T any](out io.Writer, lines []T) error {
	e := json.NewEncoder(out)
	for _, l := range lines {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func (v *viewTool) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All generations of all views, with what each takes",
		Long:    "All generations of all views: live, previous (still followed), next (being built), compared, and of moments of the past." + viewExits,
		Example: "  avportal projections list", Args: cobra.NoArgs, RunE: v.with(v.list),
	}
}

type generationLine struct {
	View      string `json:"view"`
	State     string `json:"state"`
	Schema    string `json:"schema"`
	Version   int    `json:"version"`
	Position  string `json:"position"`
	Events    int64  `json:"events"`
	Created   string `json:"created"`
	KeepUntil string `json:"keep_until,omitempty"`
}

func (v *viewTool) list(cmd *cobra.Command, _ []string) error {
	all, err := projections.Generations(cmd.Context(), v.engine.DB)
	if err != nil {
		return err
	}
	lines := make([]generationLine, len(all))
	for i, g := range all {
		lines[i] = generationLine{g.View, g.State, g.Schema, g.Version, g.Position.String(), g.Events, stamp(g.Created), stamp(g.KeepUntil)}
	}
	if v.asJSON {
		return jsonLines(cmd.OutOrStdout(), lines)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tSTATE\tSCHEMA\tVERSION\tPOSITION\tEVENTS\tCREATED\tKEPT UNTIL")
	for _, g := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\n", g.View, g.State, g.Schema, g.Version, g.Position, g.Events, g.Created, dash(g.KeepUntil))
	}
	return w.Flush()
}
