package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"

	"avportal/cmd/bench/internal/measure"
)

// report is everything a run gives, as text and as JSON.
type report struct {
	Date    time.Time `json:"date"`
	Mode    string    `json:"mode"`
	Rounds  int       `json:"rounds"`
	Machine string    `json:"machine"`
	Disk    string    `json:"flush"`
	Took    string    `json:"took"`
	Rows    []row     `json:"rows"`
}

// machine tells what class of machine it is, without naming it.
func machine() string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if c, err := cpu.Info(); err == nil && len(c) > 0 && c[0].ModelName != "" {
		parts[0] = fmt.Sprintf("%d cores (%s)", runtime.NumCPU(), strings.TrimSpace(c[0].ModelName))
	}
	if m, err := mem.VirtualMemory(); err == nil {
		parts = append(parts, fmt.Sprintf("%d GiB", (m.Total+1<<29)>>30))
	}
	if h, err := host.Info(); err == nil {
		kernel, _, _ := strings.Cut(h.KernelVersion, "-")
		parts = append(parts, fmt.Sprintf("%s %s", h.OS, kernel))
	}
	return strings.Join(append(parts, runtime.Version()), ", ")
}

// text writes the table as it can stand in the README.
func (r report) text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s (%s mode, %d rounds, %s). %s; one flush (4 KiB, fdatasync) %s.\n",
		r.Date.Format("2006-01-02"), r.Mode, r.Rounds, r.Took, r.Machine, r.Disk)
	fmt.Fprint(&b, "Everything ran in turns on this one machine, so read the ratios, not the absolute figures. A target is met if the median\n"+
		"of the rounds meets it and four of five rounds do to within 15 %.\n\n")
	lines := [][]string{{"", "what", "median", "beside", "median", "ratio (min-max)", "floor", "goal", "met"}}
	for _, row := range r.Rows {
		lines = append(lines, row.cells())
	}
	table(&b, lines)
	var unsteady []string
	for _, row := range r.Rows {
		if row.Note != "" {
			fmt.Fprintf(&b, "\n* %s (%s): %s", row.name(), row.What, row.Note)
		}
		if row.Unsteady > 0 {
			unsteady = append(unsteady, fmt.Sprintf("%s %d of %d", row.name(), row.Unsteady, len(row.Figures)))
		}
	}
	if len(unsteady) > 0 {
		fmt.Fprintf(&b, "\n* rounds that count although the disk moved more than threefold each time they were taken: %s.", strings.Join(slices.Compact(unsteady), ", "))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// name is the target's, or says that there is none.
func (r row) name() string {
	if r.ID == "" {
		return "no target"
	}
	return r.ID
}

func (r row) cells() []string {
	ratio := fmt.Sprintf("**%s**%s (%s-%s)", figure(r.Median), r.Unit, figure(r.Min), figure(r.Max))
	if len(r.Figures) == 1 {
		ratio = fmt.Sprintf("**%s**%s", figure(r.Median), r.Unit)
	}
	return []string{r.ID, r.What, r.Candidate, r.Beside, r.Baseline, ratio, r.Floor, r.Goal, string(r.Standing)}
}

func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// table writes a Markdown table whose columns line up.
func table(b *strings.Builder, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(b, "| %-*s ", width[i], cell)
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
}

func (r report) json(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644) //nolint:gosec // figures are for everybody
}

// missed counts the rows that do not reach their floor, and tells whether a result was wrong.
func (r report) missed() (missed int, wrong bool) {
	for _, row := range r.Rows {
		switch row.Standing {
		case measure.Missed:
			missed++
		case measure.Differs:
			wrong = true
		}
	}
	return missed, wrong
}
