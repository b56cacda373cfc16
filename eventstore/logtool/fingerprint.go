package logtool

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"
)

// Fingerprint stands for the content of a log. Logs with equal fingerprints hold the same events with the same ids at
// the same revisions in the same order; positions and time stamps don't count.
type Fingerprint struct {
	Events   uint64 `json:"events"`   // of user streams
	Metadata uint64 `json:"metadata"` // of their metadata streams
	Streams  uint64 `json:"streams"`
	// EventsHash and MetadataHash are SHA-256 over stream, revision, id, type, form, data and metadata of each, in the
	// order of the log. They are two because a server that ends a soft deletion writes metadata by itself, and servers
	// differ in whether that stands before or after the event that made them do so.
	EventsHash   string `json:"events_sha256"`
	MetadataHash string `json:"metadata_sha256"`
}

// ErrGap says that a stream lacks events: the log was scavenged, or damaged.
var ErrGap = errors.New("revisions are missing")

type fingerprinter struct {
	events, metadata hash.Hash
	counts           Fingerprint
	streams          map[string]state
	scratch          []byte
}

type state struct {
	next    int64 // revision
	deleted bool
}

func newFingerprinter() *fingerprinter {
	return &fingerprinter{events: sha256.New(), metadata: sha256.New(), streams: map[string]state{}}
}

// add takes the next event of a log. It returns ErrGap if it does not follow the one before it in its stream.
func (f *fingerprinter) add(e *Event) error {
	s := f.streams[e.Stream]
	if e.Revision != s.next && !e.tombstone() {
		return fmt.Errorf("%w: stream %q: the next event has revision %d, expected %d", ErrGap, e.Stream, e.Revision, s.next)
	}
	s.next = e.Revision + 1
	into, id := f.events, e.ID
	if owner := e.describes(); owner != "" {
		into = f.metadata
		f.counts.Metadata++
		described := f.streams[owner]
		if described.deleted && e.undeletes() {
			clear(id[:]) // which a server has given, maybe
		}
		if mark := truncatesBefore(e.Data); mark > 0 { // without one the server adds it
			described.deleted = mark == deletedForNow
		}
		f.streams[owner] = described
	} else {
		f.counts.Events++
	}
	if e.tombstone() {
		clear(id[:])
		s.next = -1 // nothing may follow
	}
	f.streams[e.Stream] = s
	b := appendText(f.scratch[:0], e.Stream)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Revision)) //nolint:gosec // the bits are what counts
	b = append(append(b, id[:]...), formOf(e))
	b = appendText(b, e.Type)
	b = appendText(b, e.Data)
	f.scratch = appendText(b, e.Metadata)
	into.Write(f.scratch)
	return nil
}

// formOf does not tell apart what servers write in forms of their own.
func formOf(e *Event) byte {
	if e.JSON && !e.tombstone() {
		return 1
	}
	return 0
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (f *fingerprinter) sum() Fingerprint {
	result := f.counts
	for _, s := range f.streams {
		if s.next != 0 { // otherwise only its metadata exists
			result.Streams++
		}
	}
	result.EventsHash = hex.EncodeToString(f.events.Sum(nil))
	result.MetadataHash = hex.EncodeToString(f.metadata.Sum(nil))
	return result
}

// fingerprint reads events to their end.
func fingerprint(events iter.Seq2[*Event, error], seen func(*Event)) (Fingerprint, error) {
	f := newFingerprinter()
	for e, err := range events {
		if err == nil {
			err = f.add(e)
		}
		if err != nil {
			return f.sum(), err
		}
		seen(e)
	}
	return f.sum(), nil
}
