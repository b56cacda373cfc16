package projections

import (
	"fmt"
	"reflect"
	"time"
)

// rowType is what reflection tells of a struct with `db` tags. It is computed once per table, never per row.
type rowType struct {
	typ    reflect.Type
	fields []rowField
	times  [][]int // fields of type time.Time
}

type rowField struct {
	column string
	index  []int
	typ    reflect.Type
}

func newRowType(t reflect.Type) (*rowType, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}
	r := &rowType{typ: t}
	if err := r.add(t, nil); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range r.fields {
		if seen[f.column] {
			return nil, fmt.Errorf("%v has two fields for column %s", t, f.column)
		}
		seen[f.column] = true
		if f.typ == reflect.TypeFor[time.Time]() {
			r.times = append(r.times, f.index)
		}
	}
	return r, nil
}

func (r *rowType) add(t reflect.Type, at []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		tag := f.Tag.Get("db")
		switch {
		case f.Type == reflect.TypeFor[Presence]():
		case f.Anonymous && tag == "":
			if f.Type.Kind() != reflect.Struct {
				return fmt.Errorf("%v embeds %v, which is not a struct", t, f.Type)
			}
			if err := r.add(f.Type, index); err != nil {
				return err
			}
		case tag == "" || !f.IsExported():
			return fmt.Errorf("%v.%s has no db tag or is not exported", t, f.Name)
		default:
			r.fields = append(r.fields, rowField{column: tag, index: index, typ: f.Type})
		}
	}
	return nil
}

// embedded is where a struct type stands in this one.
func (r *rowType) embedded(t reflect.Type) (field int, offset uintptr, err error) {
	for i := range r.typ.NumField() {
		if f := r.typ.Field(i); f.Anonymous && f.Type == t {
			return i, f.Offset, nil
		}
	}
	return 0, 0, fmt.Errorf("%v does not embed its key %v", r.typ, t)
}

// settle gives times the form in which Postgres returns them, so that a row that was just folded and one that was loaded
// are the same to the next event.
func (r *rowType) settle(row reflect.Value) {
	for _, index := range r.times {
		at := row.FieldByIndex(index).Addr().Interface().(*time.Time)
		if at.Nanosecond()%1000 != 0 || at.Location() != time.UTC {
			*at = at.UTC().Truncate(time.Microsecond)
		}
	}
}
