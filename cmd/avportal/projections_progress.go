package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"avportal/projections"
)

// progressShow shows how builds go on: one bar for all of them on a terminal, lines elsewhere.
type progressShow struct {
	cmd *cobra.Command
	bar *progressbar.ProgressBar // nil without a terminal

	mu     sync.Mutex
	builds map[string]projections.Progress
	told   time.Time
}

// tellEvery paces the lines.
const tellEvery = 5 * time.Second

func newProgressShow(cmd *cobra.Command) *progressShow {
	s := &progressShow{cmd: cmd, builds: map[string]projections.Progress{}, told: time.Now()}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		s.bar = progressbar.NewOptions64(100, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	return s
}

func (s *progressShow) report(p projections.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.builds[p.View] = p
	text, percent := progressText(s.builds)
	switch {
	case s.bar != nil:
		s.bar.Describe(text)
		_ = s.bar.Set(percent) // a bar that can't be drawn stops nothing
	case time.Since(s.told) >= tellEvery:
		s.told = time.Now()
		fmt.Fprintln(s.cmd.ErrOrStderr(), text)
	}
}

// finished takes a view off the bar.
func (s *progressShow) finished(view string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.builds, view)
	if s.bar != nil {
		_ = s.bar.Clear() // so that lines stand apart from it
	}
}

// progressText says how each view goes on, all in one line, and how far the slowest is.
func progressText(builds map[string]projections.Progress) (text string, percent int) {
	percent = 100
	var each []string
	var left time.Duration
	for _, name := range slices.Sorted(maps.Keys(builds)) {
		p := builds[name]
		done := 100
		if p.Head.Commit > 0 && p.Phase != "done" {
			done = int(min(99, 100*float64(p.Position.Commit)/float64(p.Head.Commit)))
		}
		percent, left = min(percent, done), max(left, p.Left)
		each = append(each, fmt.Sprintf("%s %s %d%%, %d events, %.0f/s", p.View, p.Phase, done, p.Events, p.PerSecond))
	}
	text = strings.Join(each, "; ")
	if left > 0 {
		text += ", " + left.Round(time.Second).String() + " left"
	}
	return text, percent
}
