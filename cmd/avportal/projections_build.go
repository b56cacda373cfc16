package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"avportal/projections"
)

func (v *viewTool) rebuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rebuild [VIEW ...]", Short: "Build views anew beside the live ones and swap them in",
		Long: "Build views anew from the log, beside the live ones, and swap them in; without names, all of them. Readers notice nothing.\n" +
			"A rebuild that was broken off goes on where it had saved. What was live goes on following the log for --keep, so that\n" +
			"`rollback` can go back to it without losing anything." + viewExits,
		Example: "  avportal projections rebuild devices\n  avportal projections rebuild --parallel 4 --keep 48h",
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.operate(cmd, args, "rebuilt", projections.TaskRebuild)
		}),
	}
	v.parallelFlag(cmd)
	cmd.Flags().DurationVar(&v.keep, "keep", 24*time.Hour, "how long what was live goes on following")
	return cmd
}

func (v *viewTool) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify [VIEW ...]", Short: "Compare each view, row by row, with one built anew from the log",
		Long: "Compare each view, row by row, with one built anew from the log up to the same position, and name the first difference.\n" +
			"The outcome stands in `status` and in the metrics avportal_view_verified_timestamp_seconds and avportal_view_differs." + viewExits,
		Example: "  avportal projections verify\n  avportal projections verify devices --json",
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.operate(cmd, args, "equals its rebuild", projections.TaskVerify)
		}),
	}
	v.parallelFlag(cmd)
	return cmd
}

func (v *viewTool) rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollback VIEW ...", Short: "Go back to the tables from before the last rebuild",
		Long: "Make the previous generation of views live again, and the live one the previous one; a second rollback takes that back.\n" +
			"The previous generation has followed the log since, so nothing is lost and readers notice nothing." + viewExits,
		Example: "  avportal projections rollback devices", Args: cobra.MinimumNArgs(1),
		RunE: v.with(func(cmd *cobra.Command, args []string) error {
			return v.operate(cmd, args, "rolled back", projections.TaskRollback)
		}),
	}
	cmd.Flags().DurationVar(&v.keep, "keep", 24*time.Hour, "how long what is live now goes on following")
	return cmd
}

func (v *viewTool) parallelFlag(cmd *cobra.Command) {
	cmd.Flags().IntVar(&v.parallel, "parallel", 2, "how many views at once; each takes memory for its rows")
}

// outcome is what one line of JSON says about one view.
type outcome struct {
	View    string  `json:"view"`
	OK      bool    `json:"ok"`
	Differs bool    `json:"differs,omitempty"`
	Error   string  `json:"error,omitempty"`
	Events  int     `json:"events"` // read
	Seconds float64 `json:"seconds"`
}

// operate carries out a task on views, as the API does for operators: the API showss its progress and outcome.
func (v *viewTool) operate(cmd *cobra.Command, names []string, done string, task projections.Task) error {
	return v.each(cmd, names, done, func(ctx context.Context, view string, report func(projections.Progress)) error {
		return v.engine.Operate(ctx, task, view, report)
	})
}

// each does the same with the views that are named, or with all, several at once. It goes on after one that fails.
func (v *viewTool) each(cmd *cobra.Command, names []string, done string, do func(context.Context, string, func(projections.Progress)) error) error {
	if len(names) == 0 {
		names = v.allViews()
	}
	slices.Sort(names)
	names = slices.Compact(names)
	show := newProgressShow(cmd)
	var (
		mu       sync.Mutex
		failures []error
		working  sync.WaitGroup
	)
	turns := make(chan struct{}, max(v.parallel, 1))
	for _, name := range names {
		turns <- struct{}{}
		working.Go(func() {
			defer func() { <-turns }()
			began, events := time.Now(), 0
			err := do(cmd.Context(), name, func(p projections.Progress) { events = p.Events; show.report(p) })
			mu.Lock()
			defer mu.Unlock()
			show.finished(name)
			failures = append(failures, err)
			v.tell(cmd, outcome{View: name, Events: events, Seconds: time.Since(began).Seconds()}, done, err)
		})
	}
	working.Wait()
	return toolError(failures)
}

func (v *viewTool) allViews() (names []string) {
	for _, view := range v.engine.Views {
		names = append(names, view.Name)
	}
	return names
}

func (v *viewTool) tell(cmd *cobra.Command, o outcome, done string, err error) {
	o.OK = err == nil
	if err != nil {
		o.Error, o.Differs = err.Error(), isDifference(err)
	}
	switch {
	case v.asJSON:
		_ = json.NewEncoder(cmd.OutOrStdout()).Encode(o) // of plain values; a reader that has gone is seen at the end
	case err == nil:
		took := time.Duration(o.Seconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%d events, %s)\n", o.View, done, o.Events, took)
	default:
		fmt.Fprintln(cmd.ErrOrStderr(), strings.TrimSpace(o.Error))
	}
}

func isDifference(err error) bool {
	var d *projections.Difference
	return errors.As(err, &d)
}

// toolError gives the exit code of failures that have been told: 2 if the only ones are differences.
func toolError(failures []error) error {
	code := 0
	for _, err := range failures {
		switch {
		case err == nil:
		case isDifference(err) && code == 0:
			code = differs
		case !isDifference(err):
			code = 1
		}
	}
	if code == 0 {
		return nil
	}
	return exitCode(code)
}
