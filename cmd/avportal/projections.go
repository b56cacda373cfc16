package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/projections"
)

// viewTool is what the subcommands of `avportal projections` share: an engine that moves no live view.
type viewTool struct {
	data, postgres, eventStore string
	asJSON                     bool
	engine                     *projections.Engine
}

func projectionsCommand() *cobra.Command {
	var v viewTool
	cmd := &cobra.Command{
		Use:   "projections",
		Short: "Look at the read models, build them anew, prove them",
		Long: "Look at the read models, build them anew from the log, and prove that they follow from it, while the portal runs.\n" +
			"Without --postgres-url and --eventstore-url the portal that runs on the data directory is used.",
	}
	cmd.PersistentFlags().StringVar(&v.data, "data", ".avportal", "data directory of a portal that runs here")
	cmd.PersistentFlags().StringVar(&v.postgres, "postgres-url", "", "Postgres of the portal")
	cmd.PersistentFlags().StringVar(&v.eventStore, "eventstore-url", "", "EventStoreDB of the portal")
	cmd.PersistentFlags().BoolVar(&v.asJSON, "json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{
			Use: "status", Short: "Where each view stands", Example: "  avportal projections status", Args: cobra.NoArgs,
			RunE: v.with(v.status),
		},
		&cobra.Command{
			Use: "rebuild [VIEW ...]", Short: "Build views anew beside the live ones and swap them in", Example: "  avportal projections rebuild devices",
			RunE: v.with(func(cmd *cobra.Command, args []string) error {
				return v.each(cmd, args, "rebuilt", v.engine.Rebuild)
			}),
		},
		&cobra.Command{
			Use: "verify [VIEW ...]", Short: "Compare each view, row by row, with one built anew from the log",
			Long:    "Compare each view, row by row, with one built anew from the log. The exit code is 1 if one differs.",
			Example: "  avportal projections verify",
			RunE: v.with(func(cmd *cobra.Command, args []string) error {
				return v.each(cmd, args, "equals its rebuild", func(ctx context.Context, view string, report func(projections.Progress)) error {
					_, err := v.engine.Verify(ctx, view, report)
					return err
				})
			}),
		},
	)
	cmd.AddCommand(v.analystCommands()...)
	return cmd
}

// with connects to the portal's servers around a subcommand.
func (v *viewTool) with(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if v.postgres == "" || v.eventStore == "" {
			r, err := readRun(v.data)
			if err != nil {
				return fmt.Errorf("no --postgres-url and --eventstore-url, and no portal runs on %s: %w", v.data, err)
			}
			v.postgres, v.eventStore = r.Postgres, r.EventStore
		}
		store, err := esdb.Open(esdb.Config{ConnectionString: v.eventStore, Registry: catalog.Registry()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(cmd.Context()))) }()
		db, err := pgxpool.New(cmd.Context(), v.postgres)
		if err != nil {
			return err
		}
		defer db.Close()
		views, err := allViews(cmd.Context(), db)
		if err != nil {
			return err
		}
		if v.engine, err = projections.New(projections.Config{DB: db, Store: store, Views: views}); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

func (v *viewTool) status(cmd *cobra.Command, _ []string) error {
	all, err := v.engine.Status(cmd.Context())
	if err != nil {
		return err
	}
	if v.asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tVERSION\tPOSITION\tLOG\tSTATE")
	for _, s := range all {
		state := "up to date"
		switch {
		case s.Halted != nil:
			state = "HALTED: " + s.Halted.Message
		case s.Version == 0:
			state = "not built yet"
		case s.Position.Compare(s.Head) < 0:
			state = "behind"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", s.View, s.Version, s.Position, s.Head, state)
	}
	return w.Flush()
}

// each does the same with the views that are named, or with all. It goes on after one that fails.
func (v *viewTool) each(cmd *cobra.Command, names []string, done string, do func(context.Context, string, func(projections.Progress)) error) error {
	if len(names) == 0 {
		for _, view := range v.engine.Views {
			names = append(names, view.Name)
		}
	}
	type outcome struct {
		View    string  `json:"view"`
		OK      bool    `json:"ok"`
		Error   string  `json:"error,omitempty"`
		Seconds float64 `json:"seconds"`
	}
	var failed error
	for _, name := range names {
		began := time.Now()
		report, finish := showBuild(cmd, name)
		err := do(cmd.Context(), name, report)
		finish()
		failed = errors.Join(failed, err)
		o := outcome{View: name, OK: err == nil, Seconds: time.Since(began).Seconds()}
		if err != nil {
			o.Error = err.Error()
		}
		switch {
		case v.asJSON:
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(o); err != nil {
				return err
			}
		case err == nil:
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s)\n", name, done, time.Since(began).Round(time.Millisecond))
		}
	}
	return failed
}

// showBuild draws a bar on a terminal and writes lines elsewhere.
func showBuild(cmd *cobra.Command, view string) (report func(projections.Progress), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		last := time.Now()
		return func(p projections.Progress) {
			if time.Since(last) >= 5*time.Second {
				last = time.Now()
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %d events, %.0f a second\n", view, p.Phase, p.Events, p.PerSecond)
			}
		}, func() {}
	}
	bar := progressbar.NewOptions64(100, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish())
	return func(p projections.Progress) {
		bar.Describe(fmt.Sprintf("%s: %s, %d events, %.0f/s", view, p.Phase, p.Events, p.PerSecond))
		if p.Head.Commit > 0 {
			_ = bar.Set64(int64(100 * float64(p.Position.Commit) / float64(p.Head.Commit))) // a bar that can't be drawn stops nothing
		}
	}, func() { _ = bar.Finish() }
}
