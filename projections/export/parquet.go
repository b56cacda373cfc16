package export

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
)

// groupRows is how many rows a row group holds, which is what is in memory.
const groupRows = 100_000

// Parquet is the format of data frames: typed columns, compressed. One file holds one table.
type Parquet struct {
	to      io.Writer
	w       *parquet.GenericWriter[any]
	columns []Column
	row     parquet.Row
	inGroup int
}

// NewParquet writes one table to w.
func NewParquet(w io.Writer) *Parquet { return &Parquet{to: w} }

// Begin implements Writer.
func (p *Parquet) Begin(table string, columns []Column) error {
	if p.w != nil {
		return errors.New("a Parquet file holds one table")
	}
	// The library's own groups sort their columns by name; a struct keeps them in order.
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("C%d", i), Type: parquetType(c.Kind), Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", c.Name+parquetOptions(c.Kind)))}
	}
	schema := parquet.NewSchema(table, parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
	p.columns, p.row = columns, make(parquet.Row, len(columns))
	p.w = parquet.NewGenericWriter[any](p.to, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("avportal", "1", ""))
	return nil
}

func parquetType(k Kind) reflect.Type {
	switch k {
	case Integer:
		return reflect.TypeFor[*int64]()
	case Float:
		return reflect.TypeFor[*float64]()
	case Boolean:
		return reflect.TypeFor[*bool]()
	case Instant:
		return reflect.TypeFor[*time.Time]()
	}
	return reflect.TypeFor[*string]()
}

func parquetOptions(k Kind) string {
	if k == Instant {
		return ",optional,timestamp(microsecond)"
	}
	return ",optional"
}

// Row implements Writer.
func (p *Parquet) Row(cells []any) error {
	for i, cell := range cells {
		level := 1
		var v parquet.Value
		switch cell := cell.(type) {
		case nil:
			v, level = parquet.NullValue(), 0
		case string:
			v = parquet.ByteArrayValue([]byte(cell))
		case int64:
			v = parquet.Int64Value(cell)
		case float64:
			v = parquet.DoubleValue(cell)
		case bool:
			v = parquet.BooleanValue(cell)
		case time.Time:
			v = parquet.Int64Value(cell.UnixMicro())
		}
		p.row[i] = v.Level(0, level, i)
	}
	if _, err := p.w.WriteRows([]parquet.Row{p.row}); err != nil {
		return err
	}
	if p.inGroup++; p.inGroup == groupRows {
		p.inGroup = 0
		return p.w.Flush()
	}
	return nil
}

// End implements Writer.
func (p *Parquet) End() error { return p.w.Close() }
