package projections

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"avportal/projections/rowkey"
)

// What is encoded and read without pgtype is what pgtype would have made of it.
func TestPlainValuesAreThoseOfPgtype(t *testing.T) {
	type (
		small  int16
		medium int32
		large  int64
		text   string
	)
	m := pgtype.NewMap()
	for _, c := range []struct {
		oid    uint32
		values []any
	}{
		{pgtype.Int2OID, []any{small(0), small(-1), small(math.MaxInt16), small(math.MinInt16)}},
		{pgtype.Int4OID, []any{medium(0), medium(-1), medium(math.MaxInt32), medium(math.MinInt32)}},
		{pgtype.Int8OID, []any{large(0), large(-1), large(math.MaxInt64), large(math.MinInt64), int(7)}},
		{pgtype.TextOID, []any{text(""), text("Büro"), "x"}},
	} {
		for _, value := range c.values {
			v := reflect.New(reflect.TypeOf(value)).Elem()
			v.Set(reflect.ValueOf(value))
			want, err := m.Encode(c.oid, pgtype.BinaryFormatCode, value, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := plainEncoder(c.oid, pgtype.BinaryFormatCode, v.Type())([]byte{}, v)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%T %v is %x instead of %x, %v", value, value, got, want, err)
			}
			back := reflect.New(v.Type()).Elem()
			scan := plainScanner(c.oid, v.Type())
			if err := scan(got, back); err != nil || back.Interface() != value {
				t.Errorf("%T %v comes back as %v, %v", value, value, back, err)
			}
			if scan(nil, back) == nil {
				t.Errorf("NULL is a %T", value)
			}
		}
	}
}

func TestKeysAreEncodedAsPgtypeWould(t *testing.T) {
	m := pgtype.NewMap()
	for _, k := range []rowkey.Key{"", "7f1c5e0a-3b1d-5f00-9a00-1c2d3e4f5a6b", "another"} {
		want, err := m.Encode(pgtype.ByteaOID, pgtype.BinaryFormatCode, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := plainEncoder(pgtype.ByteaOID, pgtype.BinaryFormatCode, reflect.TypeOf(k))([]byte{}, reflect.ValueOf(&k).Elem())
		if err != nil || !bytes.Equal(got, want) || got == nil {
			t.Errorf("%q is %x instead of %x, %v", k, got, want, err)
		}
	}
}
