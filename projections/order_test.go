package projections

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// However many rows there are, and whatever their keys, all of them come out, each once, in the order of the beginnings of their keys.
func TestRowsAreSortedByKey(t *testing.T) {
	text := func(buf []byte, v reflect.Value) ([]byte, error) { return append(buf, v.String()...), nil }
	b := &binding{keys: []int{1, 0}}
	for i, name := range []string{"second", "first"} {
		b.columns = append(b.columns, column{rowField: rowField{column: name, index: []int{i}}, encode: text})
	}
	type row struct{ Second, First string }
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			return row{rapid.StringMatching("[ab]{0,2}").Draw(t, "second"), rapid.StringMatching("[ab]{0,3}").Draw(t, "first")}
		}), 0, 50).Draw(t, "rows")
		values := make([]reflect.Value, len(rows))
		for i := range rows {
			values[i] = reflect.ValueOf(&rows[i]).Elem()
		}
		b.sortByKey(values, 0)
		var got []row
		for _, v := range values {
			got = append(got, v.Interface().(row))
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(x, y row) int {
			return slices.Compare([]string{x.First, x.Second}, []string{y.First, y.Second})
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%v instead of %v", got, want)
		}
	})
}
