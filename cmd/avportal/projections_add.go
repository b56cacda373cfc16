package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"avportal/cmd/internal/portal"
	"avportal/projections"
	"avportal/projections/export"
	"avportal/projections/sqlview"
)

// analystCommands are those with which analysts keep views of their own.
func (v *viewTool) analystCommands() []*cobra.Command {
	return []*cobra.Command{v.addCommand(), v.removeCommand(), v.queryCommand()}
}

// allViews are the portal's views and those that analysts have added.
func allViews(ctx context.Context, db projections.Querier) ([]projections.View, error) {
	added, err := sqlview.StoredViews(ctx, db)
	return append(portal.Views(), added...), err
}

func (v *viewTool) addCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add DIRECTORY",
		Short: "Add a view of your own, written in SQL",
		Long: "Add a view of your own: a folder with view.yaml, schema.sql, a file on/<event type>.sql for each event type that matters, and\n" +
			"queries.sql. It is checked, built from the log beside whatever is live, swapped in and stored: from then on every portal on this\n" +
			"database keeps it up to date. To change it, raise the version in view.yaml and add it again.\n" +
			"`avportal events catalog` lists the event types and their fields.",
		Example: "  avportal projections add ./my-view",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := sqlview.Load(args[0])
			if err == nil {
				_, err = sqlview.Compile(d) // mistakes are told without a server, too
			}
			if err != nil {
				return err
			}
			return v.with(func(cmd *cobra.Command, _ []string) error {
				c := v.engine.Config
				c.Views = portal.Views()
				tell, finish := showLine(cmd)
				err := sqlview.Add(cmd.Context(), c, d, func(p projections.Progress) {
					tell(fmt.Sprintf("%s: %s, %d events, %.0f/s", p.View, p.Phase, p.Events, p.PerSecond))
				})
				finish()
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is live in version %d\n", d.Name, d.Version)
				}
				return err
			})(cmd, args)
		},
	}
}

func (v *viewTool) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove VIEW", Short: "Remove a view that was added, with its tables",
		Long:    "Remove a view that was added, with its tables, from all portals. The log keeps what it was made of: the folder can be added again.",
		Example: "  avportal projections remove protection",
		Args:    cobra.ExactArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			if err := sqlview.Remove(cmd.Context(), v.engine.DB, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", args[0])
			return nil
		}),
	}
}

func (v *viewTool) queryCommand() *cobra.Command {
	var params []string
	cmd := &cobra.Command{
		Use: "query VIEW NAME", Short: "Run a query of an added view",
		Long:    "Run a query that stands in the queries.sql of an added view. `avportal export --query` writes the same to a file.",
		Example: "  avportal projections query protection by_customer_and_month --param from=2026-01-01 --param until=2026-07-01",
		Args:    cobra.ExactArgs(2),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			given, err := parseParams(params)
			if err != nil {
				return err
			}
			q, err := sqlview.FindQuery(cmd.Context(), v.engine.DB, args[0], args[1], given)
			if err != nil {
				return err
			}
			out := &tableWriter{tab: tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)}
			var to export.Writer = out
			if v.asJSON {
				to = export.NewJSONLines(cmd.OutOrStdout())
			}
			return export.Run(cmd.Context(), v.engine.DB, []export.Source{querySource(q)}, to, nil)
		}),
	}
	cmd.Flags().StringArrayVar(&params, "param", nil, "a parameter of the query, as name=value")
	return cmd
}

func querySource(q sqlview.Query) export.Source {
	return export.Source{Name: q.Name, SQL: q.SQL, Args: q.Args, Setup: q.Setup}
}

func parseParams(list []string) (map[string]string, error) {
	params := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, errors.New("--param is written name=value")
		}
		params[name] = value
	}
	return params, nil
}

// tableWriter shows rows to people.
type tableWriter struct {
	tab   *tabwriter.Writer
	cells []string
}

func (t *tableWriter) Begin(_ string, columns []export.Column) error {
	t.cells = t.cells[:0]
	for _, c := range columns {
		t.cells = append(t.cells, strings.ToUpper(c.Name))
	}
	return t.line()
}

func (t *tableWriter) Row(cells []any) error {
	t.cells = t.cells[:0]
	for _, c := range cells {
		t.cells = append(t.cells, printable(export.FormatCell(c)))
	}
	return t.line()
}

func (t *tableWriter) line() error {
	_, err := fmt.Fprintln(t.tab, strings.Join(t.cells, "\t"))
	return err
}

func (t *tableWriter) End() error { return t.tab.Flush() }

// printable keeps what a device named itself from moving the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
