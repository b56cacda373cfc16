package domain

import "time"

// Instant gives a time as it is stored: UTC, whole microseconds (what Postgres can hold), no monotonic reading.
func Instant(t time.Time) time.Time { return t.UTC().Round(0).Truncate(time.Microsecond) }
