package projections

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"avportal/domain"
)

// column joins a column of a table with the field of the row type that fills it. How a value is written and read is worked
// out here, once.
type column struct {
	rowField
	key      bool
	oid      uint32
	arrayOID uint32
	sqlType  string
	// isArray: an array of arrays can't be unnested by one level, so such columns travel as text there, and are cast.
	isArray bool

	encode     encoder
	encodeText encoder
	scan       scanner
}

// encoder appends the form on the wire. It answers nil for NULL.
type encoder func(buf []byte, v reflect.Value) ([]byte, error)

type scanner func(src []byte, v reflect.Value) error

// newTypeMap knows how Go values look to Postgres. Times come back in UTC, so that a fold meets the same ones in a row
// that was loaded as in one it has just made.
func newTypeMap() *pgtype.Map {
	m := pgtype.NewMap()
	m.RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	return m
}

func newColumn(m *pgtype.Map, f rowField, d columnDef) (column, error) {
	c := column{rowField: f, key: d.key, oid: d.oid, arrayOID: d.arrayOID, sqlType: d.sqlType, isArray: d.isArray}
	var err error
	if c.encode, err = newEncoder(m, d.oid, pgtype.BinaryFormatCode, f.typ); err != nil {
		return c, fmt.Errorf("column %s of type %s can't hold a %v: %w", d.name, d.sqlType, f.typ, err)
	}
	if c.scan, err = newScanner(m, d.oid, f.typ); err != nil {
		return c, fmt.Errorf("column %s of type %s can't be read into a %v: %w", d.name, d.sqlType, f.typ, err)
	}
	if d.isArray {
		if c.encodeText, err = newEncoder(m, d.oid, pgtype.TextFormatCode, f.typ); err != nil {
			return c, fmt.Errorf("column %s: %w", d.name, err)
		}
		c.arrayOID = pgtype.TextArrayOID
	}
	return c, nil
}

// appendValue appends length and bytes, or the length -1 for NULL.
func appendValue(buf []byte, enc encoder, v reflect.Value) ([]byte, bool, error) {
	at := len(buf)
	buf = append(buf, 0, 0, 0, 0)
	out, err := enc(buf, v)
	if err != nil {
		return nil, false, err
	}
	if out == nil {
		binary.BigEndian.PutUint32(buf[at:], 0xffffffff)
		return buf, true, nil
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4)) //nolint:gosec // a value has less than 1 GiB
	return out, false, nil
}

func newEncoder(m *pgtype.Map, oid uint32, format int16, t reflect.Type) (encoder, error) {
	if t.Kind() == reflect.Pointer {
		enc, err := newEncoder(m, oid, format, t.Elem())
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return nil, nil
			}
			return enc(buf, v.Elem())
		}, err
	}
	if enc := plainEncoder(oid, format, t); enc != nil {
		return enc, nil
	}
	plan := m.PlanEncode(oid, format, reflect.Zero(t).Interface())
	if plan == nil {
		return nil, fmt.Errorf("no known encoding")
	}
	nillable := t.Kind() == reflect.Slice || t.Kind() == reflect.Map
	return func(buf []byte, v reflect.Value) ([]byte, error) {
		if nillable && v.IsNil() {
			return nil, nil
		}
		return plan.Encode(v.Interface(), buf)
	}, nil
}

func newScanner(m *pgtype.Map, oid uint32, t reflect.Type) (scanner, error) {
	switch {
	case t.Kind() == reflect.Pointer:
		scan, err := newScanner(m, oid, t.Elem())
		return func(src []byte, v reflect.Value) error {
			if src == nil {
				v.SetZero()
				return nil
			}
			v.Set(reflect.New(t.Elem()))
			return scan(src, v.Elem())
		}, err
	case t == reflect.TypeFor[domain.Tenant]() && oid == pgtype.UUIDOID:
		return func(src []byte, v reflect.Value) error { v.SetString(hex.EncodeToString(src)); return nil }, nil
	}
	if scan := plainScanner(oid, t); scan != nil {
		return scan, nil
	}
	plan := m.PlanScan(oid, pgtype.BinaryFormatCode, reflect.New(t).Interface())
	if plan == nil {
		return nil, fmt.Errorf("no known decoding")
	}
	nillable := t.Kind() == reflect.Slice || t.Kind() == reflect.Map
	return func(src []byte, v reflect.Value) error {
		if src == nil && nillable {
			v.SetZero()
			return nil
		}
		return plan.Scan(src, v.Addr().Interface())
	}, nil
}

// arrayParam encodes one column of many rows as the array that a statement unnests. For values that are not rows but the
// keys embedded in them, skip is how deep these lie.
func (c *column) arrayParam(rows []reflect.Value, skip int) ([]byte, error) {
	enc, elem := c.encode, c.oid
	if c.isArray {
		enc, elem = c.encodeText, pgtype.TextOID
	}
	buf := make([]byte, 0, 20+len(rows)*20)
	buf = binary.BigEndian.AppendUint32(buf, 1) // one dimension
	buf = binary.BigEndian.AppendUint32(buf, 0) // set below if there is a NULL
	buf = binary.BigEndian.AppendUint32(buf, elem)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(rows))) //nolint:gosec // far less
	buf = binary.BigEndian.AppendUint32(buf, 1)                 // arrays count from one
	for _, row := range rows {
		out, null, err := appendValue(buf, enc, row.FieldByIndex(c.index[skip:]))
		if err != nil {
			return nil, dataError{fmt.Errorf("column %s: %w", c.column, err)}
		}
		if buf = out; null {
			buf[7] = 1
		}
	}
	return buf, nil
}
