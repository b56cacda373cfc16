package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"avportal/eventstore"
	"avportal/http/history"
)

// auditExported is what `audit export` has done.
type auditExported struct {
	File     string        `json:"file"`
	Events   int           `json:"events"` // of this run
	Before   int           `json:"before"` // that the file held
	Position string        `json:"position"`
	Took     time.Duration `json:"took_ns"`
}

func auditExportCommand() *cobra.Command {
	var s auditSource
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export --file FILE",
		Short: "Save the history of a reseller, or go on where an earlier run has stopped",
		Long: "Save the history of a reseller as NDJSON, one event a line. If the file exists it goes on behind its last event: run it\n" +
			"again after an interruption, or daily. A connection that breaks is made anew. With --follow it goes on until Ctrl-C." + auditSources + auditExits,
		Example: "  AVPORTAL_TOKEN=avp_... avportal audit export --url https://portal.example --file history.ndjson",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := auditExport(cmd, &s, to)
			if asJSON {
				line := map[string]any{"result": result}
				if err != nil {
					line["error"] = err.Error()
				}
				return errors.Join(err, writeJSONLine(cmd.OutOrStdout(), line))
			}
			if err != nil {
				return fmt.Errorf("%w; %s holds %d events up to %s, run it again to go on", err, to, result.Before+result.Events, result.Position)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d events, %d of them new, up to position %s\n", to, result.Before+result.Events, result.Events, result.Position)
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&to, "file", "", "the file to write")
	cmd.Flags().StringVar(&s.after, "after", "", "only events behind this position")
	cmd.Flags().BoolVar(&s.span.Follow, "follow", false, "go on with what is written from now on")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err)
	}
	return cmd
}

func auditExport(cmd *cobra.Command, s *auditSource, to string) (result auditExported, err error) {
	began := time.Now()
	result.File = to
	lines, err := s.lines(cmd.Context())
	if err != nil {
		return result, err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the file that was asked for
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var last eventstore.Position
	if result.Before, last, err = wholeLines(f); err != nil {
		return result, fmt.Errorf("%s: %w", to, err)
	}
	if last.Compare(s.span.After) > 0 {
		s.span.After = last
	}
	result.Position = s.span.After.String()
	tell, finish := showLine(cmd)
	defer finish()
	out := bufio.NewWriterSize(f, 256<<10)
	var line []byte
	for l, err := range lines {
		if err == nil {
			line, err = l.Append(line[:0])
		}
		if err == nil {
			_, err = out.Write(line)
		}
		if err != nil {
			return result, errors.Join(err, out.Flush())
		}
		result.Events++
		result.Position = l.Position.String()
		if result.Events%1000 == 0 || s.span.Follow {
			if err := out.Flush(); err != nil {
				return result, err
			}
			tell(fmt.Sprintf("%d events, now at %s", result.Events, l.At.Format(time.DateTime)))
		}
	}
	result.Took = time.Since(began)
	return result, errors.Join(out.Flush(), f.Sync())
}

// wholeLines counts the events of a file, and cuts off what an interrupted run has left of a line.
func wholeLines(f *os.File) (events int, last eventstore.Position, err error) {
	var size int64
	in := bufio.NewReaderSize(f, 256<<10)
	for {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, last, err
		}
		l, err := history.Parse(text)
		if err != nil {
			return events, last, fmt.Errorf("this is no history: %w", err)
		}
		size += int64(len(text))
		events, last = events+1, l.Position
	}
	if err := f.Truncate(size); err != nil {
		return events, last, err
	}
	_, err = f.Seek(size, io.SeekStart)
	return events, last, err
}
