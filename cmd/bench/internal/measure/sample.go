// Package measure compares ways of doing the same thing on a machine that is never quiet: the ways run in turns within
// a round, a ratio is taken per round, and the median of the ratios counts.
package measure

import (
	"slices"
	"time"
)

// Sample is what one way has done in a slice of time.
type Sample struct {
	Ops       int
	Took      time.Duration
	Latencies []time.Duration // of single operations, where they were taken
	Also      []time.Duration // a second latency of the same operations, where there is one
}

// Rate is operations per second.
func (s Sample) Rate() float64 {
	if s.Took <= 0 {
		return 0
	}
	return float64(s.Ops) / s.Took.Seconds()
}

// Quantile is the latency, in seconds, below which a share q of all lie. It is a latency that really occurred.
func (s Sample) Quantile(q float64) float64 {
	return Quantile(s.Latencies, q).Seconds()
}

// add joins two slices of the same way.
func (s Sample) add(t Sample) Sample {
	return Sample{s.Ops + t.Ops, s.Took + t.Took, append(s.Latencies, t.Latencies...), append(s.Also, t.Also...)}
}

// Quantile gives the smallest value that at least a share q of the values does not exceed (the nearest rank). It is zero
// for no values.
func Quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(q*float64(len(sorted))+0.999999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Median of an even number of values is the mean of the middle two.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
