package domain

import "time"

// Standing is what other aggregates may know of a license: whose it is and until when it holds.
type Standing struct {
	Exists bool
	Scope  Scope
	Until  time.Time // the first instant at which the license no longer holds; zero means that it has no end
}

// ExpiredAt reports whether the license no longer holds at t.
func (s Standing) ExpiredAt(t time.Time) bool { return !s.Until.IsZero() && !t.Before(s.Until) }
