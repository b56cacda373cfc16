// Package storage keeps the events of the embedded node on disk: one totally ordered log, an index per
// stream, and the links of the system projections, on top of Pebble.
//
// One goroutine decides every append against the state that all earlier appends leave behind, so expected
// revisions need no locks. Appends that wait together are committed together with one fsync (group commit),
// and no append is answered, and no event is shown to a reader, before that fsync has returned.
package storage
