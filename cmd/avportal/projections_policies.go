package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"avportal/projections"
)

// policyStatus is one line of `status --json` about a policy.
type policyStatus struct {
	Policy      string    `json:"policy"`
	State       string    `json:"state"` // up_to_date, behind, halted
	Position    string    `json:"position"`
	Log         string    `json:"log"`
	Quarantined int64     `json:"quarantined"`
	Halted      *haltLine `json:"halted,omitempty"`
}

func (v *viewTool) statusOfPolicies(cmd *cobra.Command) (halted bool, err error) {
	all, err := v.engine.PolicyStatus(cmd.Context())
	if err != nil {
		return false, err
	}
	lines := make([]policyStatus, len(all))
	for i, s := range all {
		lines[i] = policyStatus{Policy: s.Name, State: s.State(), Position: s.Position.String(), Log: s.Head.String(), Quarantined: s.Quarantined}
		if h := s.Halted; h != nil {
			lines[i].Halted, halted = lineOfHalt(h), true
		}
	}
	if v.asJSON {
		return halted, jsonLines(cmd.OutOrStdout(), lines)
	}
	return halted, printPolicies(cmd, lines)
}

func printPolicies(cmd *cobra.Command, lines []policyStatus) error {
	if len(lines) == 0 {
		return nil
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POLICY\tSTATE\tPOSITION\tLOG\tQUARANTINED")
	for _, p := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", p.Policy, p.State, p.Position, p.Log, p.Quarantined)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range lines {
		if p.Halted != nil {
			p.Halted.print(out, "policy/"+p.Policy)
		}
	}
	return nil
}

func (v *viewTool) rewindCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rewind POLICY ...", Short: "Let policies go through the log again from its beginning",
		Long: "Let policies go through the log again from its beginning. It heals one that has seen more than a log holds which was restored from\n" +
			"an older copy. What a policy has done already is not done again: its commands are known by their ids." + viewExits,
		Example: "  avportal projections rewind 'run jobs'", Args: cobra.MinimumNArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.each(cmd, args, "begins again", simply(v.engine.Rewind))
		}),
	}
}

func lineOfHalt(h *projections.Halt) *haltLine {
	return &haltLine{h.EventID, h.EventType, h.Position, h.Message, stamp(h.Since)}
}
