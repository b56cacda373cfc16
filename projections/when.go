package projections

import (
	"errors"
	"strings"
	"time"

	"avportal/eventstore"
)

// When is a point in the history of the log: what had been written at a time, or up to an event. One of the two is zero.
type When struct {
	Time     time.Time
	Position eventstore.Position
}

// Errors of a When.
var (
	// ErrNoMoment says that a text names no moment.
	ErrNoMoment = errors.New("this is neither a time such as 2026-05-03T12:00:00Z nor a position of the log")
	// ErrFuture says that a moment has not come yet.
	ErrFuture = errors.New("this moment has not come yet")
)

// ParseWhen reads a position of the log, or a time in RFC 3339 that may leave out the seconds or the time of day (then it is
// the day's beginning, UTC). A space passes for the plus of a time zone, which is what an unescaped plus in a URL becomes.
func ParseWhen(text string) (When, error) {
	if at, err := eventstore.ParsePosition(text); err == nil && !at.IsZero() {
		return When{Position: at}, nil
	}
	text = strings.ReplaceAll(text, " ", "+")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && !t.IsZero() {
			return At(t), nil
		}
	}
	return When{}, ErrNoMoment
}

// At is a time, as exactly as Postgres keeps it.
func At(t time.Time) When { return When{Time: t.UTC().Truncate(time.Microsecond)} }

// String is what ParseWhen reads.
func (w When) String() string {
	if w.Time.IsZero() {
		return w.Position.String()
	}
	return w.Time.Format(time.RFC3339Nano)
}

// holds reports whether an event had been written.
func (w When) holds(r eventstore.Recorded) bool {
	if w.Time.IsZero() {
		return r.Position.Compare(w.Position) <= 0
	}
	return !r.At.After(w.Time)
}

// share is how much of the way from the first event has been gone with the last: a guess, since events are not spread evenly.
func (w When) share(first, last eventstore.Recorded) float64 {
	done, all := float64(last.Position.Commit-first.Position.Commit), float64(w.Position.Commit)-float64(first.Position.Commit)
	if !w.Time.IsZero() {
		done, all = float64(last.At.Sub(first.At)), float64(w.Time.Sub(first.At))
	}
	if all <= 0 {
		return 0
	}
	return min(max(done/all, 0), 0.99) // indexes are still to come
}
