package persistent

import "time"

// measure counts events, for Info.
type measure struct {
	total     int64
	sinceTick int64
	average   int32 // per second, over the last tick
	since     time.Time
}

func (m *measure) count() {
	m.total++
	m.sinceTick++
}

func (m *measure) tick(now time.Time) {
	if passed := now.Sub(m.since).Seconds(); passed > 0 {
		m.average = int32(float64(m.sinceTick) / passed)
	}
	m.sinceTick, m.since = 0, now
}
