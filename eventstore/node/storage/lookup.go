package storage

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// lookup returns a reader that sees every commit before the one under construction, durable or not: the
// writer's decisions rest on them, and so do the answers, which wait for the fsync.
func (w *writer) lookup() *reader {
	if w.lookups == nil {
		w.lookups = &reader{db: w.db, limit: math.MaxUint64}
	}
	return w.lookups
}

func (w *writer) closeLookups() {
	if w.lookups != nil {
		w.lookups.release()
		w.lookups = nil
	}
}

// head returns what is known about a stream, read from storage if it was forgotten or never asked for.
func (w *writer) head(stream string) (*head, error) {
	if h, found := w.heads.get(stream); found {
		return h, nil
	}
	h := &head{stream: stream, last: -1}
	if err := w.readHead(h); err != nil {
		return nil, err
	}
	w.heads.put(stream, h)
	return h, nil
}

// linkHead is head for a stream that projections write. A stream of links is often new (each command has a correlation
// id of its own), so the filter is asked before anything else.
func (w *writer) linkHead(stream string) (*head, error) {
	if w.names.mayExist(w.db.hash(stream)) {
		return w.head(stream)
	}
	h := &head{stream: stream, last: -1}
	w.heads.put(stream, h)
	return h, nil
}

func (w *writer) readHead(h *head) error {
	if w.names.mayExist(w.db.hash(h.stream)) {
		s, err := w.lookup().ends(h.stream)
		if err != nil {
			return err
		}
		h.last, h.tombstoned = s.Last, s.Tombstoned
	}
	// Nothing that the writer decides depends on the metadata of streams that projections write.
	if keptByProjection(h.stream) || IsMetadataStream(h.stream) || !w.names.mayExist(w.db.hash("$$"+h.stream)) {
		return nil
	}
	metadata, err := w.lookup().metadata(h.stream)
	if metadata != nil {
		h.setMetadata(metadata)
	}
	return err
}

// isFatal says whether the writer must not go on: what it remembers may differ from what is stored.
func isFatal(err error) bool {
	var wrong *WrongExpectedVersionError
	var deleted *StreamDeletedError
	return !errors.As(err, &wrong) && !errors.As(err, &deleted)
}

func asCorrupt(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
