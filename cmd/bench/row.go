package main

import (
	"fmt"
	"slices"

	"avportal/cmd/bench/internal/measure"
)

// row is one line of the table: what was measured, beside what, and how they stand to each other.
type row struct {
	ID        string           `json:"id"` // of the target, as in PERFORMANCE figures; empty for a row printed for comparison
	What      string           `json:"what"`
	Candidate string           `json:"candidate"` // median in absolute terms
	Beside    string           `json:"beside"`
	Baseline  string           `json:"baseline"` // median in absolute terms
	Unit      string           `json:"unit"`     // of the figures; "x" for a plain ratio
	Figures   []float64        `json:"figures"`  // one of each round
	Median    float64          `json:"median"`
	Min       float64          `json:"min"`
	Max       float64          `json:"max"`
	Floor     string           `json:"floor"`
	Goal      string           `json:"goal"`
	Standing  measure.Standing `json:"standing"`
	Unsteady  int              `json:"unsteady_rounds"` // rounds that count although the disk moved too much in every repetition
	Note      string           `json:"note,omitempty"`
}

// aim is a figure of the project's list of targets.
type aim struct {
	id, unit string
	measure.Target
}

// The targets, as in the project's list of figures: floor, goal.
var (
	t1       = aim{"T1", "x", measure.Target{Floor: 20, Goal: 35}}
	t2       = aim{"T2", "x", measure.Target{Floor: 0.35, Goal: 0.55}}
	t3       = aim{"T3", "x", measure.Target{Floor: 0.90, Goal: 0.98}}
	t4       = aim{"T4", "x", measure.Target{Floor: 0.75, Goal: 0.90}}
	t5       = aim{"T5", "x", measure.Target{Floor: 60, Goal: 100}}
	t6       = aim{"T6", "x", measure.Target{Floor: 1.25, Goal: 1.05, AtMost: true}}
	t7       = aim{"T7", "x", measure.Target{Floor: 0.85, Goal: 0.95}}
	t8       = aim{"T8", "x", measure.Target{Floor: 8, Goal: 12}}
	t10      = aim{"T10", " flushes", measure.Target{Floor: 2, Goal: 1.4, AtMost: true}}
	t11      = aim{"T11", "x", measure.Target{Floor: 2.5, Goal: 1.5, AtMost: true}}
	t11fast  = aim{"T11", "x", measure.Target{Floor: 5, Goal: 3, AtMost: true}}
	t12      = aim{"T12", "x", measure.Target{Floor: 6, Goal: 3, AtMost: true}}
	t12fast  = aim{"T12", "x", measure.Target{Floor: 30, Goal: 8, AtMost: true}}
	t14      = aim{"T14", "x", measure.Target{Floor: 1.2, Goal: 1.1, AtMost: true}}
	t15      = aim{"T15", "x", measure.Target{Floor: 2, Goal: 1.5, AtMost: true}}
	t16      = aim{"T16", "x", measure.Target{Floor: 2.2, Goal: 1.7, AtMost: true}}
	t17      = aim{"T17", "x", measure.Target{Floor: 0.40, Goal: 0.55}}
	t19      = aim{"T19", " min", measure.Target{Floor: 5, Goal: 2.5, AtMost: true}}
	t20      = aim{"T20", " B", measure.Target{Floor: 256, Goal: 128, AtMost: true}}
	t20fold  = aim{"T20", " B", measure.Target{Floor: 512, Goal: 512, AtMost: true}}
	t20long  = aim{"T20", "x", measure.Target{Floor: 1.1, Goal: 1.05, AtMost: true}}
	t21      = aim{"T21", " B", measure.Target{Floor: 400, Goal: 320, AtMost: true}}
	t23      = aim{"T23", "x", measure.Target{Floor: 0.25, Goal: 0.5}}
	t24      = aim{"T24", " s", measure.Target{Floor: 3, Goal: 1, AtMost: true}}
	t25      = aim{"T25", " s", measure.Target{Floor: 2, Goal: 0.7, AtMost: true}}
	noTarget = aim{"", "x", measure.Target{}}
)

// compared makes a row of what a figure came to in each round.
func compared(a aim, what, beside string, rounds []measure.Round, figure func(measure.Round) float64) row {
	r := row{ID: a.id, What: what, Beside: beside, Unit: a.unit}
	for _, round := range rounds {
		r.Figures = append(r.Figures, figure(round))
		if round.Unsteady() {
			r.Unsteady++
		}
	}
	r.Median = measure.Median(r.Figures)
	if len(r.Figures) > 0 {
		r.Min, r.Max = slices.Min(r.Figures), slices.Max(r.Figures)
	}
	r.Floor, r.Goal = a.Describe(a.Floor, a.unit), a.Describe(a.Goal, a.unit)
	r.Standing = a.Judge(r.Figures)
	return r
}

// counted makes a row of a figure that does not vary from round to round.
func counted(a aim, what string, figure float64) row {
	r := compared(a, what, "-", nil, nil)
	r.Figures, r.Median, r.Min, r.Max = []float64{figure}, figure, figure, figure
	r.Standing, r.Baseline, r.Candidate = a.Judge(r.Figures), "-", "-"
	return r
}

// absolute adds the medians of both sides in absolute terms.
func (r row) absolute(rounds []measure.Round, candidate, baseline func(measure.Round) float64, format func(float64) string) row {
	r.Candidate, r.Baseline = format(median(rounds, candidate)), format(median(rounds, baseline))
	return r
}

func (r row) noted(format string, args ...any) row {
	r.Note = fmt.Sprintf(format, args...)
	return r
}

func median(rounds []measure.Round, figure func(measure.Round) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	return measure.Median(all)
}

// rate and quantile pick a figure of one way out of a round.
func rate(way string) func(measure.Round) float64 {
	return func(r measure.Round) float64 { return r.Of[way].Rate() }
}

func quantile(way string, q float64) func(measure.Round) float64 {
	return func(r measure.Round) float64 { return r.Of[way].Quantile(q) }
}

// over divides two figures of the same round.
func over(a, b func(measure.Round) float64) func(measure.Round) float64 {
	return func(r measure.Round) float64 {
		if below := b(r); below != 0 {
			return a(r) / below
		}
		return 0
	}
}

func sum(a, b func(measure.Round) float64) func(measure.Round) float64 {
	return func(r measure.Round) float64 { return a(r) + b(r) }
}

func perSecond(v float64) string {
	if v >= 100_000 {
		return fmt.Sprintf("%.0fk/s", v/1000)
	}
	if v >= 10_000 {
		return fmt.Sprintf("%.1fk/s", v/1000)
	}
	return fmt.Sprintf("%.0f/s", v)
}

func latency(seconds float64) string {
	switch {
	case seconds < 0.001:
		return fmt.Sprintf("%.0f us", seconds*1e6)
	case seconds < 0.1:
		return fmt.Sprintf("%.2f ms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.2f s", seconds)
}
