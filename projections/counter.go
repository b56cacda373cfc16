package projections

import (
	"fmt"
	"reflect"
	"slices"
)

// Counter is a table of sums over rows of type R; NewCounter makes it.
type Counter[R any] interface {
	table() string
	newSums() sums[R]
}

// NewCounter makes a counter table: one row for each key, with sums. C is a comparable struct with `db` tags; its fields of
// type int64 are summed, all others are the key (and in the table the primary key). Counts calls add for each sum that a row
// takes part in, with what it adds:
//
//	projections.NewCounter("customer_count", func(d Device, add func(CustomerCount)) {
//		add(CustomerCount{Tenant: d.Tenant, Customer: d.Customer, Devices: 1, Infected: d.infected()})
//	})
//
// It is pure, as a fold is. When a row changes, the engine adds the difference. A row of sums that are all zero is deleted.
func NewCounter[R any, C comparable](table string, counts func(row R, add func(C))) Counter[R] {
	c := &counter[R, C]{name: table, counts: counts}
	var err error
	if c.row, err = newRowType(reflect.TypeFor[C]()); err == nil {
		for i, f := range c.row.fields {
			if f.typ == reflect.TypeFor[int64]() {
				c.values = append(c.values, i)
			}
		}
		if len(c.values) == 0 || len(c.values) == len(c.row.fields) {
			err = fmt.Errorf("%v needs at least one field that is the key, and one of type int64", reflect.TypeFor[C]())
		}
	}
	if err != nil {
		panic(fmt.Sprintf("projections: counter table %s: %v", table, err))
	}
	return c
}

type counter[R any, C comparable] struct {
	name   string
	row    *rowType
	values []int // of row.fields: those that are summed
	counts func(row R, add func(C))
}

func (c *counter[R, C]) table() string { return c.name }

func (c *counter[R, C]) newSums() sums[R] {
	s := &counterSums[R, C]{counter: c, byKey: map[C]int{}}
	return s
}

// sums gathers what a change of rows adds to a counter table.
type sums[R any] interface {
	change(before, after *R) // nil: there was, or is, no row
	deltas() []reflect.Value // structs with the key and the differences, without those that come to nothing
	reset()
	counterRow() *rowType
	valueFields() []int
	counterTable() string
}

type counterSums[R any, C comparable] struct {
	*counter[R, C]
	byKey       map[C]int
	rows        []*C
	gone, added []C // by the change that is looked at
}

// change adds nothing where a row counts as before, as most do: what changes most often in a row is not counted.
func (s *counterSums[R, C]) change(before, after *R) {
	s.gone, s.added = s.gone[:0], s.added[:0]
	if before != nil {
		s.counts(*before, func(c C) { s.gone = append(s.gone, c) })
	}
	if after != nil {
		s.counts(*after, func(c C) { s.added = append(s.added, c) })
	}
	if slices.Equal(s.gone, s.added) {
		return
	}
	for i := range s.gone {
		s.add(s.gone[i], -1)
	}
	for i := range s.added {
		s.add(s.added[i], 1)
	}
}

func (s *counterSums[R, C]) add(c C, sign int64) {
	v := reflect.ValueOf(&c).Elem()
	var added [16]int64
	amounts := added[:0]
	for _, i := range s.values {
		f := v.FieldByIndex(s.row.fields[i].index)
		amounts = append(amounts, sign*f.Int())
		f.SetInt(0)
	}
	at, ok := s.byKey[c]
	if !ok {
		at = len(s.rows)
		s.byKey[c] = at
		sum := c
		s.rows = append(s.rows, &sum)
	}
	sum := reflect.ValueOf(s.rows[at]).Elem()
	for n, i := range s.values {
		f := sum.FieldByIndex(s.row.fields[i].index)
		f.SetInt(f.Int() + amounts[n])
	}
}

func (s *counterSums[R, C]) deltas() []reflect.Value {
	var out []reflect.Value
	for _, row := range s.rows {
		v := reflect.ValueOf(row).Elem()
		for _, i := range s.values {
			if v.FieldByIndex(s.row.fields[i].index).Int() != 0 {
				out = append(out, v)
				break
			}
		}
	}
	return out
}

func (s *counterSums[R, C]) reset() {
	clear(s.byKey)
	s.rows = s.rows[:0]
}

func (s *counterSums[R, C]) counterRow() *rowType { return s.row }
func (s *counterSums[R, C]) valueFields() []int   { return s.values }
func (s *counterSums[R, C]) counterTable() string { return s.name }
