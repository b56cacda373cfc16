package storage

import (
	"fmt"
	"math"

	"github.com/google/uuid"
)

// softDelete hides the stream: its metadata says that nothing before the end of time is to be read.
func (w *writer) softDelete(h *head, a *Append) error {
	marker := Event{ID: uuid.New(), Type: MetadataType, JSON: true}
	if _, err := w.check(h, a, []Event{marker}); err != nil {
		return err
	}
	if h.last < 0 && !h.hasMeta {
		return &WrongExpectedVersionError{Stream: a.Stream, Expected: a.Expected, Actual: -1}
	}
	truncate := int64(math.MaxInt64)
	if keptByProjection(a.Stream) {
		// Its links go on arriving without an append that could lift the deletion.
		truncate = h.last + 1
	}
	marker.Data = fmt.Appendf(nil, `{"$tb":%d}`, truncate)
	return w.writeMetadata(h, &marker, a)
}

// hardDelete ends the stream for good. It works on a stream that never was, too.
func (w *writer) hardDelete(h *head, a *Append) error {
	tombstone := Event{ID: uuid.New(), Type: StreamDeletedType}
	if _, err := w.check(h, a, []Event{tombstone}); err != nil {
		return err
	}
	position, err := w.write(h, &tombstone, TombstoneRevision)
	a.Revision, a.Position = TombstoneRevision, position
	return err
}

func (w *writer) writeMetadata(h *head, e *Event, a *Append) error {
	metaHead, err := w.head("$$" + h.stream)
	if err != nil {
		return err
	}
	position, err := w.write(metaHead, e, metaHead.last+1)
	if err != nil {
		return err
	}
	h.setMetadata(e.Data)
	if a != nil {
		a.Revision, a.Position = metaHead.last, position
	}
	return nil
}

// undelete lets a soft-deleted stream go on: what was deleted stays hidden, what is written from now on is seen.
// Other keys of the metadata are kept.
func (w *writer) undelete(h *head) error {
	e := Event{ID: uuid.New(), Type: MetadataType, JSON: true, Data: withTruncateBefore(h.deletion, h.last+1)}
	return w.writeMetadata(h, &e, nil)
}

// setMetadata makes newly written metadata count for the stream that it describes.
func (h *head) setMetadata(data []byte) {
	h.hasMeta, h.meta, h.deletion = true, parseMetadata(data), nil
	if h.meta.SoftDeleted() {
		h.deletion = data
	}
}

// keptByProjection says whether the stream is one that a system projection writes.
func keptByProjection(stream string) bool {
	for _, p := range Projections {
		prefix := p.streamPrefix()
		if len(stream) >= len(prefix) && stream[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}
