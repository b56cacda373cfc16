package storage

import "errors"

// recentWrite says where an event id was last written. The stream is a hash, so that the cache holds no pointers.
type recentWrite struct {
	stream   uint64
	revision int64
	position uint64
}

// perform decides one write against the state that all earlier ones leave behind, and adds its events to the commit.
func (w *writer) perform(a *Append) error {
	h, err := w.head(a.Stream)
	if err != nil {
		return err
	}
	deleted := h.tombstoned
	if IsMetadataStream(a.Stream) {
		owner, err := w.head(a.Stream[2:])
		if err != nil {
			return err
		}
		deleted = deleted || owner.tombstoned
	}
	if deleted {
		return &StreamDeletedError{Stream: a.Stream}
	}
	switch a.Operation {
	case OpDelete:
		return w.softDelete(h, a)
	case OpTombstone:
		return w.hardDelete(h, a)
	default:
		return w.append(h, a)
	}
}

func (w *writer) append(h *head, a *Append) error {
	repeat, err := w.check(h, a, a.Events)
	if err != nil {
		return err
	}
	if repeat != nil {
		a.Revision, a.Position = repeat.revision, repeat.position
		return nil
	}
	a.Revision, a.Position = h.last, w.next-1
	if h.meta.SoftDeleted() && len(a.Events) > 0 {
		if err := w.undelete(h); err != nil {
			return err
		}
	}
	for i := range a.Events {
		if a.Position, err = w.write(h, &a.Events[i], h.last+1); err != nil {
			return err
		}
		a.Revision = h.last
	}
	if IsMetadataStream(a.Stream) && len(a.Events) > 0 {
		return w.applyMetadata(h, a.Events[len(a.Events)-1].Data)
	}
	return nil
}

// applyMetadata makes newly written metadata count for the stream that it describes.
func (w *writer) applyMetadata(metaHead *head, data []byte) error {
	owner, err := w.head(metaHead.stream[2:])
	if err != nil {
		return err
	}
	wasDeleted := owner.meta.SoftDeleted()
	owner.setMetadata(data)
	if wasDeleted && owner.meta.TruncateBefore == 0 {
		owner.deletion = data
		return w.undelete(owner)
	}
	return nil
}

// check applies the expected revision. It returns the last of the events written earlier if this write repeats
// them, and nil, nil if the write is to be made.
func (w *writer) check(h *head, a *Append, events []Event) (repeat *written, err error) {
	wrong := func() error {
		return &WrongExpectedVersionError{Stream: a.Stream, Expected: a.Expected, Actual: h.last}
	}
	switch {
	case a.Expected == StreamExists && h.meta.SoftDeleted():
		return nil, &StreamDeletedError{Stream: a.Stream}
	case a.Expected == StreamExists && h.last < 0 && !h.hasMeta:
		return nil, wrong()
	case a.Expected == Any || a.Expected == StreamExists:
		return w.checkRecent(h, events, wrong)
	case int64(a.Expected) > h.last:
		return nil, wrong()
	case int64(a.Expected) == h.last:
		return nil, nil
	}
	return w.checkRepeat(h, a, events, wrong)
}

// checkRecent looks for a repeat among the latest writes, as far back as memory goes.
func (w *writer) checkRecent(h *head, events []Event, wrong func() error) (*written, error) {
	stream := w.db.hash(h.stream)
	var last recentWrite
	for i := range events {
		found, ok := w.recent.get(events[i].ID)
		switch known := ok && found.stream == stream; {
		case !known && i == 0:
			return nil, nil
		case !known:
			return nil, wrong()
		}
		last = found
	}
	if len(events) == 0 {
		return nil, nil
	}
	return &written{revision: last.revision, position: last.position}, nil
}

// checkRepeat compares the events with those that stand where they would have been written.
func (w *writer) checkRepeat(h *head, a *Append, events []Event, wrong func() error) (*written, error) {
	var last written
	for i := range events {
		found, err := w.writtenAt(h, int64(a.Expected)+1+int64(i))
		if err != nil && !errors.Is(err, errNoSuchEvent) {
			return nil, err
		}
		if err != nil || found.id != events[i].ID {
			if i == 0 && a.Expected == NoStream && h.meta.SoftDeleted() {
				return nil, nil
			}
			return nil, wrong()
		}
		last = found
	}
	if len(events) == 0 {
		return nil, wrong()
	}
	return &last, nil
}

// writtenAt finds what stands at a revision, in this commit or before it.
func (w *writer) writtenAt(h *head, revision int64) (written, error) {
	if revision > h.last {
		return written{}, errNoSuchEvent
	}
	for i := range h.pending {
		if h.pending[i].revision == revision {
			return h.pending[i], nil
		}
	}
	e, err := w.lookup().entryAt(h.stream, revision)
	if err != nil {
		return written{}, err
	}
	return written{id: e.ID(), revision: revision, position: e.Position()}, nil
}
