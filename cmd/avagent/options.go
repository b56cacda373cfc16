package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/devicelog"
	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/state"
)

// options are the flags that run, scan, update and install share.
type options struct {
	engine, clamd, database, updateURL string
	roots, quickRoots                  []string
	interval                           time.Duration
}

func (o *options) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.engine, "engine", "auto", "`engine`: auto, clamd, clamscan or builtin")
	f.StringVar(&o.clamd, "clamd", "", "clamd `address`: the path of its socket, or host:port (default: the usual places)")
	f.StringVar(&o.database, "database", engine.DefaultDatabase(), "signature database `directory`")
	f.StringVar(&o.updateURL, "update-url", "", "`address` of the signature database that freshclam fetches (default: something else keeps the database up to date)")
	f.StringArrayVar(&o.roots, "root", nil, "`directory` of a full scan; the portal can have nothing outside scanned; repeatable (default: the whole computer)")
	f.StringArrayVar(&o.quickRoots, "quick-root", nil, "`directory` of a quick scan; repeatable (default: the roots given, else homes and temporary files)")
}

func (o *options) validate() error {
	if o.interval < 0 || (o.interval > 0 && o.interval < time.Second) {
		return usageError{fmt.Errorf("--interval %v: at least a second, please", o.interval)}
	}
	if u, err := url.Parse(o.updateURL); err != nil || (o.updateURL != "" && u.Scheme != "http" && u.Scheme != "https") {
		return usageError{fmt.Errorf("--update-url %q is not an http or https address", o.updateURL)}
	}
	for _, list := range [][]string{o.roots, o.quickRoots} {
		for i, root := range list {
			abs, err := filepath.Abs(root)
			if err != nil {
				return usageError{err}
			}
			list[i] = abs
		}
	}
	return nil
}

func (o *options) agent(ctx context.Context, dir *state.Dir, log *slog.Logger) (*agent.Agent, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	e, err := engine.New(ctx, engine.Options{Engine: o.engine, Clamd: o.clamd, Database: o.database})
	if err != nil {
		return nil, usageError{err}
	}
	return agent.New(agent.Config{
		Dir: dir, Engine: e, Source: engine.Source{URL: o.updateURL, Database: o.database},
		Roots: o.roots, QuickRoots: o.quickRoots, Interval: o.interval, Version: version(), Log: log,
		Logs: append([]devicelog.Source{devicelog.Own(dir.Path())}, devicelog.OfClamAV()...),
	}), nil
}

// arguments repeats the options as flags, for the service's command line.
func (o *options) arguments() []string {
	args := []string{"--engine", o.engine, "--database", o.database}
	if o.clamd != "" {
		args = append(args, "--clamd", o.clamd)
	}
	if o.updateURL != "" {
		args = append(args, "--update-url", o.updateURL)
	}
	for _, r := range o.roots {
		args = append(args, "--root", r)
	}
	for _, r := range o.quickRoots {
		args = append(args, "--quick-root", r)
	}
	if o.interval > 0 {
		args = append(args, "--interval", o.interval.String())
	}
	return args
}

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func bindJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

func printJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

var errNoServer = errors.New("--server and --tid are needed")
