package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// CSV is the format of spreadsheets, as RFC 4180 has it, in UTF-8. NULL is an empty cell.
type CSV struct {
	w    *csv.Writer
	line []string
	kind []Column
}

// NewCSV writes one table to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Begin implements Writer.
func (c *CSV) Begin(_ string, columns []Column) error {
	c.kind, c.line = columns, make([]string, len(columns))
	for i, column := range columns {
		c.line[i] = harmless(column.Name)
	}
	return c.w.Write(c.line)
}

// Row implements Writer.
func (c *CSV) Row(cells []any) error {
	for i, cell := range cells {
		c.line[i] = FormatCell(cell)
		if c.kind[i].Kind == Text {
			c.line[i] = harmless(c.line[i])
		}
	}
	return c.w.Write(c.line)
}

// End implements Writer.
func (c *CSV) End() error {
	c.w.Flush()
	return c.w.Error()
}

// harmless keeps a spreadsheet from taking a text for a formula: devices choose their host names themselves.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n|", rune(s[0])) || strings.HasPrefix(s, "\uff1d") || strings.HasPrefix(s, "\uff0b") ||
		strings.HasPrefix(s, "\uff0d") || strings.HasPrefix(s, "\uff20") {
		return "'" + s
	}
	return s
}

// FormatCell writes a cell as text.
func FormatCell(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	panic("export: a cell of no kind")
}
