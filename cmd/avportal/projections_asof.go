package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"avportal/domain"
	"avportal/projections"
)

func (v *viewTool) asOfCommand() *cobra.Command {
	var at, tenant, dropped string
	cmd := &cobra.Command{
		Use: "as-of [VIEW ...] --at MOMENT", Short: "Build views as they were at a moment of the past",
		Long: "Build views as they were at a moment, in schemas of their own beside the live ones; without names, all of them. With --tenant\n" +
			"only that tenant's events are read. A moment is dropped an hour after somebody has asked for it last, or when there are too many.\n" +
			"Without --at, list the moments that are there." + viewExits,
		Example: "  avportal projections as-of --at 2026-05-03T12:00Z --tenant 00112233445566778899aabbccddeeff\n  avportal projections as-of",
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			switch {
			case dropped != "":
				return v.engine.DropAsOf(cmd.Context(), dropped)
			case at == "":
				return v.moments(cmd)
			}
			when, err := projections.ParseWhen(at)
			if err != nil {
				return fmt.Errorf("--at %s: %w", at, err)
			}
			show := newProgressShow(cmd)
			began := time.Now()
			m, err := v.engine.BuildAsOf(cmd.Context(), when, domain.Tenant(tenant), args, show.report)
			if err != nil {
				return err
			}
			if m.Position.IsZero() {
				cmd.PrintErrln("Nothing had been recorded by then.")
			}
			return v.showMoments(cmd, []projections.Moment{m}, time.Since(began))
		}),
	}
	cmd.Flags().StringVar(&at, "at", "", "the moment, as 2026-05-03T12:00Z, 2026-05-03T14:00:00+02:00, 2026-05-03 (its beginning, UTC) or a position of the log")
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant's rows")
	cmd.Flags().StringVar(&dropped, "drop", "", "drop the moment of this name")
	return cmd
}

func (v *viewTool) moments(cmd *cobra.Command) error {
	all, err := projections.Moments(cmd.Context(), v.engine.DB)
	if err != nil {
		return err
	}
	return v.showMoments(cmd, all, 0)
}

type momentLine struct {
	Name     string  `json:"name"`
	At       string  `json:"at"`
	Tenant   string  `json:"tenant,omitempty"`
	Position string  `json:"position"`
	Bytes    int64   `json:"bytes"`
	Ready    bool    `json:"ready"`
	Used     string  `json:"used"`
	Seconds  float64 `json:"seconds,omitempty"` // that it took
}

func (v *viewTool) showMoments(cmd *cobra.Command, all []projections.Moment, took time.Duration) error {
	lines := make([]momentLine, len(all))
	for i, m := range all {
		lines[i] = momentLine{m.Name, m.At.UTC().Format(time.RFC3339Nano), string(m.Tenant), m.Position.String(), m.Bytes, m.Ready, stamp(m.Used), took.Seconds()}
	}
	if v.asJSON {
		return jsonLines(cmd.OutOrStdout(), lines)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tAT\tTENANT\tPOSITION\tBYTES\tREADY\tUSED")
	for _, m := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%t\t%s\n", m.Name, m.At, dash(m.Tenant), m.Position, m.Bytes, m.Ready, m.Used)
	}
	return w.Flush()
}
