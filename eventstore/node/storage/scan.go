package storage

import "math"

// Direction of a read.
type Direction uint8

// The directions: from older to newer events, and back.
const (
	Forwards Direction = iota
	Backwards
)

// ScanAll calls visit for the events of the whole log until it returns false: forwards from the position on
// (inclusive), backwards from before it (exclusive), as the EventStoreDB protocol has it. Entries are valid
// during the call only. Events that become durable after ScanAll began are not visited.
func (db *DB) ScanAll(from uint64, direction Direction, visit func(*Entry) bool) error {
	r, err := db.read()
	if err != nil {
		return err
	}
	defer r.close()
	return r.scanAll(from, direction, visit)
}

func (r *reader) scanAll(from uint64, direction Direction, visit func(*Entry) bool) error {
	it, err := r.eventIterator()
	if err != nil {
		return err
	}
	// The position may be that of a link, which stands in a record before it.
	after := from
	if direction == Forwards && from < math.MaxUint64 {
		after++
	}
	r.key = eventKey(r.key[:0], after)
	valid := it.SeekLT(r.key)
	if !valid && direction == Forwards && it.Error() == nil {
		valid = it.First()
	}
	for valid {
		entries, err := r.entriesOf(it)
		if err != nil {
			return err
		}
		beyond := entries[0].Record.End() > r.limit
		if beyond && direction == Forwards {
			return nil
		}
		if !beyond && !visitInOrder(entries, from, direction, visit) {
			return nil
		}
		if direction == Forwards {
			valid = it.Next()
		} else {
			valid = it.Prev()
		}
	}
	return it.Error()
}

func visitInOrder(entries []Entry, from uint64, direction Direction, visit func(*Entry) bool) bool {
	for i := range entries {
		e := &entries[i]
		if direction == Backwards {
			e = &entries[len(entries)-1-i]
		}
		outside := e.Position() < from
		if direction == Backwards {
			outside = e.Position() >= from
		}
		if !outside && !visit(e) {
			return false
		}
	}
	return true
}

// scanStream visits the events of a stream from a revision on (inclusive in both directions), whatever its
// metadata says.
func (r *reader) scanStream(stream string, from int64, direction Direction, visit func(*Entry) (bool, error)) error {
	it, first, found, err := r.runAt(stream, from)
	if err != nil {
		return err
	}
	if !found && direction == Forwards {
		if !it.Valid() {
			found = it.First()
		} else {
			found = it.Next()
		}
		if found {
			first, found = r.runOf(it, stream)
		}
	}
	for found {
		refs, err := r.refsOf(it)
		if err != nil {
			return err
		}
		for i := range refs {
			at := i
			if direction == Backwards {
				at = len(refs) - 1 - i
			}
			revision := first + int64(at)
			if direction == Forwards && revision < from || direction == Backwards && revision > from {
				continue
			}
			e, err := r.entry(refs[at], stream, revision)
			if err != nil {
				return err
			}
			if more, err := visit(e); !more || err != nil {
				return err
			}
		}
		var valid bool
		if direction == Forwards {
			valid = it.Next()
		} else {
			valid = it.Prev()
		}
		if !valid {
			return it.Error()
		}
		first, found = r.runOf(it, stream)
	}
	return it.Error()
}
