package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// Migrations makes this build one with further formats, for the time of a test.
func Migrations(tb testing.TB, further ...func(*pebble.DB) error) {
	tb.Helper()
	before := migrations
	migrations = append(append([]func(*pebble.DB) error(nil), before...), further...)
	tb.Cleanup(func() { migrations = before })
}
