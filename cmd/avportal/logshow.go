package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/eventstore/logtool"
)

// logShow shows how a tool gets on and what came out: a bar on a terminal, lines elsewhere, or JSON.
type logShow struct {
	mu     sync.Mutex
	out    io.Writer // of JSON
	lines  io.Writer // of lines
	bar    *progressbar.ProgressBar
	asJSON bool
	last   time.Time
}

func showLog(cmd *cobra.Command, asJSON bool) *logShow {
	s := &logShow{out: cmd.OutOrStdout(), lines: cmd.ErrOrStderr(), asJSON: asJSON, last: time.Now()}
	if !asJSON && term.IsTerminal(int(os.Stderr.Fd())) {
		s.bar = progressbar.NewOptions64(100, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish())
	}
	return s
}

func (s *logShow) progress(p logtool.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	percent := 0.0
	if p.Head > 0 {
		percent = 100 * min(1, float64(p.Position)/float64(p.Head))
	}
	switch {
	case s.asJSON:
		_ = writeJSONLine(s.out, map[string]any{"progress": p}) // the result will fail, too
	case s.bar != nil:
		s.bar.Describe(fmt.Sprintf("%s: %d events, %.0f/s", p.Phase, p.Events, p.PerSecond))
		_ = s.bar.Set64(int64(percent)) // a bar that can't be drawn stops nothing
	case time.Since(s.last) >= 5*time.Second:
		s.last = time.Now()
		fmt.Fprintf(s.lines, "%s: %.0f %%, %d events, %.0f a second\n", p.Phase, percent, p.Events, p.PerSecond)
	}
}

// finish shows the result or the error, and gives the exit code.
func (s *logShow) finish(cmd *cobra.Command, result any, err error, text func(io.Writer)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Finish()
	}
	if s.asJSON {
		line := map[string]any{"result": result}
		if err != nil {
			line["error"] = err.Error()
		}
		if jsonErr := writeJSONLine(s.out, line); jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
	}
	if err == nil {
		if !s.asJSON {
			text(cmd.OutOrStdout())
		}
		return nil
	}
	return s.failed(cmd, err)
}

func (s *logShow) failed(cmd *cobra.Command, err error) error {
	if errors.Is(err, logtool.ErrDiffers) || errors.Is(err, logtool.ErrGap) || errors.Is(err, logtool.ErrDamaged) || errors.Is(err, errDamagedFolder) {
		fmt.Fprintln(cmd.ErrOrStderr(), "avportal:", err)
		return exitCode(differs)
	}
	return err
}

// errDamagedFolder says that `log verify` has found damage.
var errDamagedFolder = errors.New("the folder is damaged")
