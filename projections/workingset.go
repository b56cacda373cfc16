package projections

import (
	"fmt"
	"reflect"
	"slices"

	"avportal/eventstore"
)

// workingSet holds the rows of one table that are in memory, and folds events into them. It knows nothing of Postgres.
// It is not safe for concurrent use.
type workingSet interface {
	rowType() *rowType
	isKey(f rowField) bool
	sums() []counterTable

	// touch finds the rows that events concern. missing are those that must be loaded, as structs of the key type; load
	// gives one of them, and whatever has not been loaded does not exist.
	touch(events []eventstore.Recorded) *EventError
	missing() []reflect.Value
	load() (row reflect.Value, loaded func())

	// seed takes in a row as if events had just made it. There is no other of its key yet.
	seed() (row reflect.Value, seeded func())

	// fold applies the events that were passed to touch. After an error the set must be reset.
	fold(events []eventstore.Recorded) *EventError

	// changes are the differences to what Postgres holds. written says that it now holds them.
	changes() (changes, error)
	changed() bool // false means that there are none
	written(keep int)
	reset()

	// complete says that the table is empty, or all of it in memory: nothing will have to be loaded.
	complete()
	size() int
}

// changes of one table, as addressable structs of the row type. Of a deleted row it is the row as it was.
type changes struct{ inserted, updated, deleted []reflect.Value }

// counterTable is a sums[R] whose R does not matter any more.
type counterTable interface {
	counterTable() string
	counterRow() *rowType
	valueFields() []int
	deltas() []reflect.Value
}

type entry[R any] struct {
	row    R  // its key is always set
	stored *R // what Postgres holds, while row differs from it; nil if it holds nothing, or nothing else
	hash   uint32
	inDB   bool
	here   bool // the row exists
	dirty  bool
}

type touched[R any] struct {
	event int
	entry *entry[R]
}

type tableSet[R any, K comparable] struct {
	*table[R, K]
	byKey      rowIndex[R, K]
	touches    []touched[R]
	absent     []K // keys not in memory, to be loaded
	dirty      []*entry[R]
	vain       int // of dirty: neither in the table nor to be written
	counters   []sums[R]
	isComplete bool
	comparable bool
}

func (t *table[R, K]) newWorkingSet() workingSet {
	s := &tableSet[R, K]{table: t, byKey: newRowIndex[R, K](t.key), comparable: t.row.typ.Comparable()}
	for _, c := range t.spec.Counters {
		s.counters = append(s.counters, c.newSums())
	}
	return s
}

func (s *tableSet[R, K]) rowType() *rowType { return s.row }

func (s *tableSet[R, K]) isKey(f rowField) bool { return f.index[0] == s.keyField }

func (s *tableSet[R, K]) sums() []counterTable {
	out := make([]counterTable, len(s.counters))
	for i, c := range s.counters {
		out[i] = c
	}
	return out
}

func (s *tableSet[R, K]) touch(events []eventstore.Recorded) (failed *EventError) {
	s.touches, s.absent = s.touches[:0], s.absent[:0]
	i := 0
	defer func() {
		if p := recover(); p != nil {
			failed = newEventError(i, events[i], fmt.Errorf("table %s, keys: %v", s.spec.Name, p))
		}
	}()
	add := func(k K) {
		e := s.byKey.find(k)
		if e == nil {
			e = &entry[R]{}
			*s.key(&e.row) = k
			s.byKey.add(e)
			if !s.isComplete {
				s.absent = append(s.absent, k)
			}
		}
		s.touches = append(s.touches, touched[R]{i, e})
	}
	for i = range events {
		s.spec.Keys(events[i], add)
	}
	return nil
}

func (s *tableSet[R, K]) missing() []reflect.Value {
	out := make([]reflect.Value, len(s.absent))
	for i := range s.absent {
		out[i] = reflect.ValueOf(&s.absent[i]).Elem()
	}
	return out
}

func (s *tableSet[R, K]) load() (reflect.Value, func()) {
	row := new(R)
	return reflect.ValueOf(row).Elem(), func() {
		e := s.byKey.find(*s.key(row))
		s.row.settle(reflect.ValueOf(row).Elem())
		e.row, e.inDB, e.here = *row, true, true
	}
}

func (s *tableSet[R, K]) seed() (reflect.Value, func()) {
	e := &entry[R]{here: true, dirty: true}
	row := reflect.ValueOf(&e.row).Elem()
	return row, func() {
		s.row.settle(row)
		s.byKey.add(e)
		s.dirty = append(s.dirty, e)
	}
}

func (s *tableSet[R, K]) fold(events []eventstore.Recorded) (failed *EventError) {
	i := 0
	defer func() {
		if p := recover(); p != nil {
			failed = newEventError(i, events[i], fmt.Errorf("table %s, fold: %v", s.spec.Name, p))
		}
	}()
	for _, t := range s.touches {
		i = t.event
		if err := s.apply(t.entry, events[i]); err != nil {
			return newEventError(i, events[i], fmt.Errorf("table %s, row %+v: %w", s.spec.Name, *s.key(&t.entry.row), err))
		}
	}
	s.forget()
	return nil
}

// forget drops what was touched and came to nothing, if what is not in memory does not exist anyway: a rebuild of many events
// would otherwise hold each row that has come and gone until it is written.
func (s *tableSet[R, K]) forget() {
	if !s.isComplete {
		return
	}
	for _, t := range s.touches {
		if e := t.entry; !e.here && !e.inDB && s.byKey.remove(e) && e.dirty {
			s.vain++
		}
	}
	if s.vain > len(s.dirty)/2 {
		s.dirty = slices.DeleteFunc(s.dirty, func(e *entry[R]) bool { return !e.here && !e.inDB })
		s.vain = 0
	}
}

func (s *tableSet[R, K]) apply(e *entry[R], r eventstore.Recorded) error {
	switch n := s.needs[r.Event.EventType()]; {
	case e.here && n == creates:
		return ErrRowExists
	case !e.here && n == mustExist:
		return ErrNoRow
	case !e.here && n == optional:
		return nil
	}
	if !e.dirty {
		e.dirty = true
		s.dirty = append(s.dirty, e)
		if e.inDB {
			stored := e.row
			e.stored = &stored
		}
	}
	key := *s.key(&e.row)
	if !e.here {
		var empty R
		e.row = empty
		*s.key(&e.row) = key
	}
	present := presenceOf(&e.row)
	present.existed = e.here
	s.spec.Fold(&e.row, r)
	e.here = !present.deleted
	*present = Presence{}
	if k := s.key(&e.row); *k != key {
		var unset K
		if *k != unset {
			return fmt.Errorf("the fold changed the key to %+v", *k)
		}
		*k = key // *row = Row{...} says nothing of the key
	}
	s.row.settle(reflect.ValueOf(&e.row).Elem())
	return nil
}

func presenceOf(row any) *Presence {
	if p, ok := row.(interface{ presence() *Presence }); ok {
		return p.presence()
	}
	return &Presence{}
}

func (s *tableSet[R, K]) changes() (c changes, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = dataError{fmt.Errorf("table %s, counts: %v", s.spec.Name, p)}
		}
	}()
	for _, sum := range s.counters {
		sum.reset()
	}
	for _, e := range s.dirty {
		switch {
		case e.inDB && e.here && s.same(e.stored, &e.row):
			continue
		case e.inDB && e.here:
			c.updated = append(c.updated, reflect.ValueOf(&e.row).Elem())
		case e.here:
			c.inserted = append(c.inserted, reflect.ValueOf(&e.row).Elem())
		case e.inDB:
			c.deleted = append(c.deleted, reflect.ValueOf(e.stored).Elem())
		}
		before, after := e.stored, &e.row
		if !e.here {
			after = nil
		}
		for _, sum := range s.counters {
			sum.change(before, after)
		}
	}
	return c, nil
}

func (s *tableSet[R, K]) changed() bool { return len(s.dirty) > 0 }

func (s *tableSet[R, K]) same(a, b *R) bool {
	if s.comparable {
		return any(*a) == any(*b)
	}
	return reflect.DeepEqual(a, b)
}

func (s *tableSet[R, K]) written(keep int) {
	for _, e := range s.dirty {
		e.dirty, e.stored, e.inDB = false, nil, e.here
		if s.isComplete && !e.here { // else that it does not exist is worth knowing
			s.byKey.remove(e)
		}
	}
	clear(s.dirty)
	s.dirty, s.vain = s.dirty[:0], 0
	if s.byKey.rows > keep {
		s.reset()
		return
	}
	s.touches = s.touches[:0]
}

func (s *tableSet[R, K]) reset() {
	s.byKey.clear()
	clear(s.touches)
	clear(s.dirty)
	s.touches, s.dirty, s.vain, s.absent, s.isComplete = s.touches[:0], s.dirty[:0], 0, s.absent[:0], false
}

func (s *tableSet[R, K]) complete() { s.isComplete = true }
func (s *tableSet[R, K]) size() int { return s.byKey.rows }
