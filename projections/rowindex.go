package projections

import "hash/maphash"

// rowIndex finds the rows of a working set by their keys, which stand in the rows: a map would hold them a second time, and take
// several times as much for each row, of which a rebuild holds a million. It is an open hash table, never more than two thirds full.
type rowIndex[R any, K comparable] struct {
	key   func(*R) *K
	seed  maphash.Seed
	slots []*entry[R]
	rows  int
}

func newRowIndex[R any, K comparable](key func(*R) *K) rowIndex[R, K] {
	return rowIndex[R, K]{key: key, seed: maphash.MakeSeed()}
}

func (x *rowIndex[R, K]) hash(k K) uint32 { return uint32(maphash.Comparable(x.seed, k)) } //nolint:gosec // as many bits as are kept

// find answers the row of a key, or nil.
func (x *rowIndex[R, K]) find(k K) *entry[R] {
	if x.rows == 0 {
		return nil
	}
	h := x.hash(k)
	for at := x.home(h); x.slots[at] != nil; at = x.next(at) {
		if e := x.slots[at]; e.hash == h && *x.key(&e.row) == k {
			return e
		}
	}
	return nil
}

// add takes in a row whose key is not there yet.
func (x *rowIndex[R, K]) add(e *entry[R]) {
	if 3*(x.rows+1) > 2*len(x.slots) {
		old := x.slots
		x.slots = make([]*entry[R], max(8, 2*len(old)))
		for _, e := range old {
			if e != nil {
				x.put(e)
			}
		}
	}
	e.hash = x.hash(*x.key(&e.row))
	x.put(e)
	x.rows++
}

func (x *rowIndex[R, K]) put(e *entry[R]) {
	at := x.home(e.hash)
	for x.slots[at] != nil {
		at = x.next(at)
	}
	x.slots[at] = e
}

// remove takes out a row and reports whether it was there. Rows behind it that would not be found across the gap move into it.
func (x *rowIndex[R, K]) remove(gone *entry[R]) bool {
	if x.rows == 0 {
		return false
	}
	gap := x.home(gone.hash)
	for x.slots[gap] != gone {
		if x.slots[gap] == nil {
			return false
		}
		gap = x.next(gap)
	}
	for at := x.next(gap); x.slots[at] != nil; at = x.next(at) {
		if home := x.home(x.slots[at].hash); x.distance(home, at) >= x.distance(gap, at) {
			x.slots[gap], gap = x.slots[at], at
		}
	}
	x.slots[gap] = nil
	x.rows--
	return true
}

// clear forgets all rows, but keeps the room for them.
func (x *rowIndex[R, K]) clear() {
	clear(x.slots)
	x.rows = 0
}

func (x *rowIndex[R, K]) home(hash uint32) int      { return int(hash) & (len(x.slots) - 1) }
func (x *rowIndex[R, K]) next(at int) int           { return (at + 1) & (len(x.slots) - 1) }
func (x *rowIndex[R, K]) distance(from, to int) int { return (to - from) & (len(x.slots) - 1) }
