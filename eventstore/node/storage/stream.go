package storage

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// StreamState is what a reader needs to know about a stream before it reads.
type StreamState struct {
	Last       int64 // revision of the last event, -1 for none; a tombstone does not count
	Tombstoned bool
	Metadata   StreamMetadata
	RawMeta    []byte // the data of the last $metadata event, nil for none
}

// Exists says whether reads find the stream.
func (s StreamState) Exists() bool { return s.Last >= 0 && !s.Metadata.SoftDeleted() }

// lowest revision that may be read.
func (s StreamState) lowest() int64 {
	lowest := s.Metadata.TruncateBefore
	if s.Metadata.MaxCount > 0 {
		lowest = max(lowest, s.Last-s.Metadata.MaxCount+1)
	}
	return lowest
}

// Stream returns the state of a stream.
func (db *DB) Stream(stream string) (StreamState, error) {
	r, err := db.read()
	if err != nil {
		return StreamState{}, err
	}
	defer r.close()
	return r.state(stream)
}

func (r *reader) state(stream string) (StreamState, error) {
	s, err := r.ends(stream)
	if err != nil {
		return s, err
	}
	if IsMetadataStream(stream) {
		s.Metadata.MaxCount = 1
		owner, err := r.lastOf(stream[2:], TombstoneRevision)
		s.Tombstoned = s.Tombstoned || owner == TombstoneRevision
		return s, err
	}
	s.RawMeta, err = r.metadata(stream)
	s.Metadata = parseMetadata(s.RawMeta)
	return s, err
}

// ends finds the last event of a stream, and its tombstone.
func (r *reader) ends(stream string) (StreamState, error) {
	s := StreamState{Last: -1}
	exists, err := r.exists(stream)
	if err != nil || !exists {
		return s, err
	}
	if s.Last, err = r.lastOf(stream, TombstoneRevision); err != nil {
		return s, err
	}
	if s.Last == TombstoneRevision {
		s.Tombstoned = true
		s.Last, err = r.lastOf(stream, TombstoneRevision-1)
	}
	return s, err
}

// metadata returns the data of the last $metadata event, nil for none.
func (r *reader) metadata(stream string) ([]byte, error) {
	name := "$$" + stream
	exists, err := r.exists(name)
	if err != nil || !exists {
		return nil, err
	}
	last, err := r.lastOf(name, TombstoneRevision-1)
	if err != nil || last < 0 {
		return nil, err
	}
	e, err := r.entryAt(name, last)
	if err != nil {
		return nil, err
	}
	return append([]byte{}, e.Record.Data...), nil
}

// ScanStream calls visit for the readable events of a stream until it returns false, from a revision on
// (inclusive), with everything that is truncated, expired or beyond the count limit left out. It returns
// ErrStreamNotFound for a stream without events or soft-deleted, and a *StreamDeletedError for a tombstoned one.
func (db *DB) ScanStream(stream string, from int64, direction Direction, visit func(*Entry) bool) error {
	r, err := db.read()
	if err != nil {
		return err
	}
	defer r.close()
	s, err := r.state(stream)
	switch {
	case err != nil:
		return err
	case s.Tombstoned:
		return &StreamDeletedError{Stream: stream}
	case !s.Exists():
		return ErrStreamNotFound
	}
	lowest := s.lowest()
	if direction == Forwards {
		from = max(from, lowest)
	} else {
		from = min(from, s.Last)
	}
	oldest := r.oldestVisible(s.Metadata)
	return r.scanStream(stream, from, direction, func(e *Entry) (bool, error) {
		if e.Revision() < lowest {
			return false, nil
		}
		if oldest > 0 && e.created() < oldest {
			return true, nil
		}
		return visit(e), nil
	})
}

// oldestVisible returns the ticks before which events have expired, 0 for no limit.
func (r *reader) oldestVisible(m StreamMetadata) int64 {
	if m.MaxAge == 0 {
		return 0
	}
	return r.db.options.Now().Add(-m.MaxAge).UnixNano() / 100
}

func (e *Entry) created() int64 {
	ticks, err := strconv.ParseInt(string(e.Record.Created), 10, 64)
	if err != nil {
		return 0
	}
	return ticks
}

// CreatedAt is when the event was written, by the clock of the node.
func (e *Entry) CreatedAt() time.Time { return time.Unix(0, e.created()*100) }

// Event calls visit with one readable event of a stream. found is false if it is not there or not readable.
func (db *DB) Event(stream string, revision int64, visit func(*Entry)) (found bool, err error) {
	err = db.ScanStream(stream, revision, Forwards, func(e *Entry) bool {
		if found = e.Revision() == revision; found {
			visit(e)
		}
		return false
	})
	var deleted *StreamDeletedError
	if errors.Is(err, ErrStreamNotFound) || errors.As(err, &deleted) {
		return false, nil
	}
	return found, err
}

// ParseLink splits the data of a link event, <revision>@<stream>.
func ParseLink(data string) (revision int64, stream string, ok bool) {
	number, stream, ok := strings.Cut(data, "@")
	if !ok || stream == "" {
		return 0, "", false
	}
	revision, err := strconv.ParseInt(number, 10, 64)
	return revision, stream, err == nil && revision >= 0
}

// Tombstone calls visit with the $streamDeleted event of a tombstoned stream.
func (db *DB) Tombstone(stream string, visit func(*Entry)) error {
	r, err := db.read()
	if err != nil {
		return err
	}
	defer r.close()
	e, err := r.entryAt(stream, TombstoneRevision)
	if errors.Is(err, errNoSuchEvent) {
		return nil
	}
	if err == nil {
		visit(e)
	}
	return err
}
