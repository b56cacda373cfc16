package logtool

import (
	"sync/atomic"
	"time"
)

// meter counts events and reports about once a second.
type meter struct {
	phase    string
	head     uint64
	report   func(Progress)
	began    time.Time
	events   atomic.Uint64
	reported atomic.Int64 // when, in nanoseconds since it began
}

func newMeter(phase string, head uint64, report func(Progress)) *meter {
	return &meter{phase: phase, head: head, report: report, began: time.Now()}
}

func (m *meter) seen(e *Event) {
	n := m.events.Add(1)
	if m.report == nil {
		return
	}
	passed := time.Since(m.began)
	if last := m.reported.Load(); int64(passed)-last < int64(time.Second) || !m.reported.CompareAndSwap(last, int64(passed)) {
		return
	}
	m.report(Progress{Phase: m.phase, Events: n, PerSecond: float64(n) / passed.Seconds(), Position: e.Position, Head: m.head})
}
