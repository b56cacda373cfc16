package projections

import (
	"fmt"
	"reflect"
	"unsafe"

	"avportal/domain"
	"avportal/eventstore"
)

// Table is one table of a view; NewTable makes it.
type Table interface {
	table() string
	counterTables() []string
	newWorkingSet() workingSet
}

// TableSpec describes a table by its row type R and its primary key K.
//
// Both are structs whose fields carry `db` tags with the names of their columns. R embeds K; the engine fills that part.
// R may embed Presence, if rows are ever deleted. Times are kept in UTC and in microseconds, as Postgres keeps them.
// Slices in a row are never changed in place: a fold assigns a new one.
type TableSpec[R any, K comparable] struct {
	Name string

	// Keys calls touch for each row that an event concerns: usually one, but there may be none or several. It looks at
	// nothing but the event.
	Keys func(r eventstore.Recorded, touch func(K))

	// Fold changes the row as the event says. It is called once for each row that the event touches, and sees that row
	// and the event only: no other rows, no clock, no chance, no order of a map. An event that can't be so is a panic: it
	// stops the view, and is named.
	Fold func(row *R, r eventstore.Recorded)

	// What an event expects of a row that it touches. One that stands in none of these lists needs the row to be there,
	// and stops the view if it is not.
	Creates  []domain.Event // the row is not there yet; Fold gets it empty but for its key
	Upserts  []domain.Event // the row may be there or not; Presence.Exists tells
	Optional []domain.Event // without the row, the event means nothing to this table

	// Counters are tables of sums over the rows of this one.
	Counters []Counter[R]
}

// Presence lets a fold ask whether the row is there, and delete it, when it is embedded in the row type.
type Presence struct{ existed, deleted bool }

// Exists reports whether the row was there before the event. Ask before overwriting the row.
func (p *Presence) Exists() bool { return p.existed }

// Delete drops the row. A later event that creates it finds it empty.
func (p *Presence) Delete() { p.deleted = true }

func (p *Presence) presence() *Presence { return p }

// need is what an event expects of a row.
type need int

const (
	mustExist need = iota
	creates
	upserts
	optional
)

type table[R any, K comparable] struct {
	spec      TableSpec[R, K]
	row       *rowType
	keyField  int             // of R: where it embeds K
	keyOffset uintptr         // the same, in bytes
	needs     map[string]need // by event type
}

// NewTable makes a table. It panics on a row type that can't be one, which is a mistake in the program.
func NewTable[R any, K comparable](spec TableSpec[R, K]) Table {
	t := &table[R, K]{spec: spec, needs: map[string]need{}}
	var err error
	if t.row, err = newRowType(reflect.TypeFor[R]()); err == nil {
		t.keyField, t.keyOffset, err = t.row.embedded(reflect.TypeFor[K]())
	}
	if err == nil && (spec.Keys == nil || spec.Fold == nil) {
		err = fmt.Errorf("without Keys or Fold")
	}
	for n, events := range map[need][]domain.Event{creates: spec.Creates, upserts: spec.Upserts, optional: spec.Optional} {
		for _, e := range events {
			if _, twice := t.needs[e.EventType()]; twice {
				err = fmt.Errorf("%s stands in two lists", e.EventType())
			}
			t.needs[e.EventType()] = n
		}
	}
	if err != nil {
		panic(fmt.Sprintf("projections: table %s: %v", spec.Name, err))
	}
	return t
}

func (t *table[R, K]) table() string { return t.spec.Name }

func (t *table[R, K]) counterTables() []string {
	names := make([]string, len(t.spec.Counters))
	for i, c := range t.spec.Counters {
		names[i] = c.table()
	}
	return names
}

// key is the part of a row that is its key. The type may be unexported, which reflection would not let out.
func (t *table[R, K]) key(row *R) *K {
	return (*K)(unsafe.Add(unsafe.Pointer(row), t.keyOffset)) //nolint:gosec // R embeds a K there, as NewTable has checked
}
