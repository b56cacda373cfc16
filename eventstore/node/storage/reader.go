package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

var errNoSuchEvent = errors.New("no such event")

// reader reads a consistent state of the log: what was durable when it was opened. It pins files of the storage
// engine, so it is meant to live for one page, not for one client.
type reader struct {
	db      *DB
	limit   uint64 // no position above is seen
	index   *pebble.Iterator
	events  *pebble.Iterator
	filter  *pebble.Iterator
	record  Record
	key     []byte
	refs    []ref
	entries [maxEntries]Entry
}

// read opens a reader; it fails when the log is closed.
func (db *DB) read() (*reader, error) {
	if !db.users.enter() {
		return nil, ErrClosed
	}
	return &reader{db: db, limit: db.visible.Load()}, nil
}

func (r *reader) close() {
	r.release()
	r.db.users.leave()
}

// release closes the iterators; errors were reported by the iterators' users.
func (r *reader) release() {
	for _, it := range []*pebble.Iterator{r.index, r.events, r.filter} {
		if it != nil {
			_ = it.Close()
		}
	}
	r.index, r.events, r.filter = nil, nil, nil
}

func (r *reader) iterator(slot **pebble.Iterator, options *pebble.IterOptions) (*pebble.Iterator, error) {
	if *slot == nil {
		it, err := r.db.pebble.NewIter(options)
		if err != nil {
			return nil, err
		}
		*slot = it
	}
	return *slot, nil
}

var (
	eventBounds  = pebble.IterOptions{LowerBound: []byte{kindEvent}, UpperBound: []byte{kindEvent + 1}}
	indexBounds  = pebble.IterOptions{LowerBound: []byte{kindIndex}, UpperBound: []byte{kindIndex + 1}}
	filterBounds = pebble.IterOptions{LowerBound: []byte{kindIndex}, UpperBound: []byte{kindIndex + 1}, UseL6Filters: true}
)

func (r *reader) eventIterator() (*pebble.Iterator, error) {
	o := eventBounds
	return r.iterator(&r.events, &o)
}

func (r *reader) indexIterator() (*pebble.Iterator, error) {
	o := indexBounds
	return r.iterator(&r.index, &o)
}

// exists says whether the stream has ever had an event. Bloom filters answer for nearly every new stream.
func (r *reader) exists(stream string) (bool, error) {
	o := filterBounds
	it, err := r.iterator(&r.filter, &o)
	if err != nil {
		return false, err
	}
	r.key = indexKey(r.key[:0], stream, 0)
	if it.SeekPrefixGE(r.key) {
		return true, nil
	}
	return false, it.Error()
}

// runAt positions the index on the run that begins at or before the revision, and says whether there is one.
func (r *reader) runAt(stream string, revision int64) (it *pebble.Iterator, first int64, found bool, err error) {
	if it, err = r.indexIterator(); err != nil {
		return nil, 0, false, err
	}
	after := revision
	if revision < math.MaxInt64 {
		after++
	}
	r.key = indexKey(r.key[:0], stream, after)
	if revision == math.MaxInt64 {
		r.key = append(r.key, 0)
	}
	if !it.SeekLT(r.key) {
		return it, 0, false, it.Error()
	}
	first, found = r.runOf(it, stream)
	return it, first, found, nil
}

// runOf returns the first revision of the run that the iterator stands on, if it is one of the stream.
func (r *reader) runOf(it *pebble.Iterator, stream string) (first int64, ok bool) {
	key := it.Key()
	r.key = indexPrefix(r.key[:0], stream)
	if len(key) != len(r.key)+8 || !bytes.HasPrefix(key, r.key) {
		return 0, false
	}
	var revision uint64
	for _, b := range key[len(r.key):] {
		revision = revision<<8 | uint64(b)
	}
	return int64(revision), true
}

// refsOf decodes the run under the iterator, cut off at the reader's limit. A stream's positions only grow, so
// that a cut run is the end of what the reader sees.
func (r *reader) refsOf(it *pebble.Iterator) ([]ref, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	if r.refs, err = decodeRun(r.refs[:0], value); err != nil {
		return nil, err
	}
	refs := r.refs
	for len(refs) > 0 && refs[len(refs)-1].position > r.limit {
		refs = refs[:len(refs)-1]
	}
	return refs, nil
}

// lastOf returns the revision of the last event of the stream at or below a revision, -1 for none.
func (r *reader) lastOf(stream string, below int64) (int64, error) {
	it, first, found, err := r.runAt(stream, below)
	for ; found; first, found = r.runOf(it, stream) {
		refs, err := r.refsOf(it)
		if err != nil {
			return -1, err
		}
		if len(refs) > 0 {
			return first + int64(len(refs)) - 1, nil
		}
		if !it.Prev() {
			return -1, it.Error()
		}
	}
	return -1, err
}

// entryAt reads one event of a stream. The entry is valid until the next use of the reader.
func (r *reader) entryAt(stream string, revision int64) (*Entry, error) {
	it, first, found, err := r.runAt(stream, revision)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errNoSuchEvent
	}
	refs, err := r.refsOf(it)
	if err != nil {
		return nil, err
	}
	if revision-first >= int64(len(refs)) {
		return nil, errNoSuchEvent
	}
	return r.entry(refs[revision-first], stream, revision)
}

// entry reads the event that an index entry points to, and checks that it is that event.
func (r *reader) entry(at ref, stream string, revision int64) (*Entry, error) {
	if at.position < uint64(at.ordinal) {
		return nil, fmt.Errorf("%w: index of stream %q, revision %d", ErrCorrupt, stream, revision)
	}
	it, err := r.eventIterator()
	if err != nil {
		return nil, err
	}
	r.key = eventKey(r.key[:0], at.host())
	if !it.SeekGE(r.key) || !bytes.Equal(it.Key(), r.key) {
		if err := it.Error(); err != nil {
			return nil, err
		}
		return nil, corruptAt(at.position, "event %d of stream %q is missing", revision, stream)
	}
	entries, err := r.entriesOf(it)
	if err != nil {
		return nil, err
	}
	if int(at.ordinal) >= len(entries) || !entries[at.ordinal].InStream(stream) || entries[at.ordinal].Revision() != revision {
		return nil, corruptAt(at.position, "not event %d of stream %q", revision, stream)
	}
	return &entries[at.ordinal], nil
}

// entriesOf checks and parses the record under the iterator.
func (r *reader) entriesOf(it *pebble.Iterator) ([]Entry, error) {
	position, err := positionOfKey(it.Key())
	if err != nil {
		return nil, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	if err := r.record.parse(position, value); err != nil {
		return nil, err
	}
	return r.record.entries(r.db.salt, &r.entries)
}
