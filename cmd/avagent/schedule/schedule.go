// Package schedule tells when a scan of a profile is due.
package schedule

import (
	"strings"
	"time"

	"avportal/http/agent/wire"
)

// Next is the first time after a moment at which a scan is due, by the clock of the moment's time zone. A schedule that can't
// be understood is never due.
func Next(s wire.Schedule, after time.Time) (time.Time, bool) {
	clock, err := time.Parse("15:04", s.Time)
	if err != nil {
		return time.Time{}, false
	}
	year, month, day := after.Date()
	for n := range 63 { // the same day of the next month is within them
		at := time.Date(year, month, day+n, clock.Hour(), clock.Minute(), 0, 0, after.Location())
		if at.After(after) && runsOn(s, at) {
			return at, true
		}
	}
	return time.Time{}, false
}

func runsOn(s wire.Schedule, at time.Time) bool {
	switch s.Every {
	case wire.EveryDay:
		return true
	case wire.EveryWeek:
		return strings.ToLower(at.Weekday().String()) == s.Weekday
	case wire.EveryMonth:
		last := time.Date(at.Year(), at.Month()+1, 0, 12, 0, 0, 0, at.Location()).Day()
		return s.Day >= 1 && at.Day() == min(s.Day, last)
	}
	return false
}
