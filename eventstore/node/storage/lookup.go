package storage

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// lookup returns a reader that sees every commit before the one under construction, durable or not: the
// writer's decisions rest on them, and so do the answers, which wait for the fsync.
func (w *writer) lookup() (*reader, error) {
	if w.lookups == nil {
		w.lookups = &reader{db: w.db, limit: math.MaxUint64}
	}
	return w.lookups, nil
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
	r, err := w.lookup()
	if err != nil {
		return nil, err
	}
	h := &head{stream: stream, last: -1}
	s, err := r.ends(stream)
	if err != nil {
		return nil, err
	}
	// Nothing that the writer decides depends on the metadata of streams that projections write.
	if !keptByProjection(stream) && !IsMetadataStream(stream) {
		if s.RawMeta, err = r.metadata(stream); err != nil {
			return nil, err
		}
	}
	h.last, h.tombstoned = s.Last, s.Tombstoned
	if s.RawMeta != nil {
		h.setMetadata(s.RawMeta)
	}
	w.heads.put(stream, h)
	return h, nil
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
