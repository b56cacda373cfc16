package fleettest

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Compare runs operations turn by turn, so that whatever else the machine does hits all of them alike, and reports the median
// time of each in microseconds and that of the last as a multiple of that of the first.
func Compare(b *testing.B, names []string, operations []func() error) {
	b.Helper()
	times := make([][]time.Duration, len(operations))
	for b.Loop() {
		for i, operation := range operations {
			begin := time.Now()
			if err := operation(); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	medians := make([]float64, len(times))
	for i, t := range times {
		slices.Sort(t)
		medians[i] = float64(t[len(t)/2].Microseconds())
		b.ReportMetric(medians[i], fmt.Sprintf("us-at-%s", names[i]))
	}
	b.ReportMetric(medians[len(medians)-1]/medians[0], "last/first")
}
