package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/projections/export"
	"avportal/projections/sqlview"
)

// exporter is what `avportal export` is told.
type exporter struct {
	data, postgres     string
	view, table, query string
	format, to         string
	params             []string
	force              bool
	formats            []string
	sources            []export.Source
	report             func(export.Progress)
}

func exportCommand() *cobra.Command {
	e := exporter{formats: []string{"csv", "parquet", "sqlite"}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a view, or what a query of one answers, to a file",
		Long: "Write the tables of a view, or what a query of an added view answers, as CSV, Parquet or SQLite, all of it as it is at one\n" +
			"moment, while the portal runs. A SQLite file holds all tables of the view. A CSV or Parquet file holds one: name it with --table,\n" +
			"or let --to be a directory. In CSV, texts that a spreadsheet would take for formulas begin with an apostrophe. Times are UTC;\n" +
			"where nothing is known there is no value; numbers with decimals are double precision.",
		Example: "  avportal export --view licenses --format sqlite --to licenses.sqlite\n" +
			"  avportal export --view devices --table device --format parquet --to devices.parquet\n" +
			"  avportal export --view protection --query by_customer_and_month --param from=2026-01-01 --param until=2026-07-01 --format csv --to report.csv",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&e.data, "data", ".avportal", "data directory of a portal that runs here")
	f.StringVar(&e.postgres, "postgres-url", "", "Postgres of the portal")
	f.StringVar(&e.view, "view", "", "the view")
	f.StringVar(&e.table, "table", "", "one table of the view")
	f.StringVar(&e.query, "query", "", "a query of an added view, instead of its tables")
	f.StringArrayVar(&e.params, "param", nil, "a parameter of the query, as name=value")
	f.StringVar(&e.format, "format", "csv", strings.Join(e.formats, ", "))
	f.StringVar(&e.to, "to", "", "the file, or a directory for a file of each table")
	f.BoolVar(&e.force, "force", false, "overwrite files")
	for _, needed := range []string{"view", "to"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (e *exporter) run(cmd *cobra.Command) error {
	if !slices.Contains(e.formats, e.format) {
		return fmt.Errorf("--format is one of %s", strings.Join(e.formats, ", "))
	}
	if e.postgres == "" {
		r, err := readRun(e.data)
		if err != nil {
			return fmt.Errorf("no --postgres-url, and no portal runs on %s: %w", e.data, err)
		}
		e.postgres = r.Postgres
	}
	db, err := pgxpool.New(cmd.Context(), e.postgres)
	if err != nil {
		return err
	}
	defer db.Close()
	if e.sources, err = e.find(cmd.Context(), db); err != nil {
		return err
	}
	tell, finish := showLine(cmd)
	rows := map[string]int64{}
	e.report = func(p export.Progress) {
		rows[p.Table] = p.Rows
		tell(fmt.Sprintf("%s: %d rows, %.0f/s", p.Table, p.Rows, p.PerSecond))
	}
	err = e.write(cmd.Context(), db)
	finish()
	if err != nil {
		return err
	}
	for _, s := range e.sources {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rows\n", s.Name, rows[s.Name])
	}
	return nil
}

// find says which tables are meant.
func (e *exporter) find(ctx context.Context, db *pgxpool.Pool) ([]export.Source, error) {
	if e.query != "" {
		params, err := parseParams(e.params)
		if err != nil {
			return nil, err
		}
		q, err := sqlview.FindQuery(ctx, db, e.view, e.query, params)
		return []export.Source{querySource(q)}, err
	}
	views, err := allViews(ctx, db)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range views {
		names = append(names, v.Name)
		if v.Name != e.view {
			continue
		}
		tables := v.TableNames()
		if e.table != "" {
			if !slices.Contains(tables, e.table) {
				return nil, fmt.Errorf("view %s has no table %s; it has %s", v.Name, e.table, strings.Join(tables, ", "))
			}
			tables = []string{e.table}
		}
		var sources []export.Source
		for _, t := range tables {
			sources = append(sources, export.TableSource(v.Name, t))
		}
		return sources, nil
	}
	return nil, fmt.Errorf("there is no view %s; there are %s", e.view, strings.Join(names, ", "))
}

func (e *exporter) write(ctx context.Context, db *pgxpool.Pool) error {
	if info, err := os.Stat(e.to); err == nil && info.IsDir() {
		for _, s := range e.sources {
			if err := e.file(ctx, db, filepath.Join(e.to, s.Name+"."+e.format), s); err != nil {
				return err
			}
		}
		return nil
	}
	if len(e.sources) > 1 && e.format != "sqlite" {
		var names []string
		for _, s := range e.sources {
			names = append(names, s.Name)
		}
		return fmt.Errorf("a file of %s holds one table: name it with --table, or a directory with --to; there are %s", e.format, strings.Join(names, ", "))
	}
	return e.file(ctx, db, e.to, e.sources...)
}

// file writes to a file beside the one that is wanted, which comes to be when it is whole.
func (e *exporter) file(ctx context.Context, db *pgxpool.Pool, name string, sources ...export.Source) (err error) {
	if _, err := os.Stat(name); err == nil && !e.force {
		return fmt.Errorf("%s exists; --force overwrites it", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if e.format == "sqlite" {
		if err := f.Close(); err != nil {
			return err
		}
		if err := e.sqlite(ctx, db, f.Name(), sources); err != nil {
			return err
		}
		return os.Rename(f.Name(), name)
	}
	if err := errors.Join(export.Run(ctx, db, sources, e.writer(f), e.report), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (e *exporter) sqlite(ctx context.Context, db *pgxpool.Pool, name string, sources []export.Source) error {
	w, err := export.NewSQLite(name)
	if err != nil {
		return err
	}
	return errors.Join(export.Run(ctx, db, sources, w, e.report), w.Close())
}

func (e *exporter) writer(w io.Writer) export.Writer {
	if e.format == "parquet" {
		return export.NewParquet(w)
	}
	return export.NewCSV(w)
}

// showLine shows what goes on: in place on a terminal, elsewhere as a line now and then.
func showLine(cmd *cobra.Command) (tell func(string), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		last := time.Now()
		return func(text string) {
			if time.Since(last) >= 5*time.Second {
				last = time.Now()
				fmt.Fprintln(cmd.ErrOrStderr(), text)
			}
		}, func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish())
	return func(text string) {
		bar.Describe(text)
		_ = bar.Add(1) // a bar that can't be drawn stops nothing
	}, func() { _ = bar.Finish() }
}
