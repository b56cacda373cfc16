package sheet

import (
	"encoding/csv"
	"io"

	"avportal/http/texts"
)

type csvWriter struct {
	out    *csv.Writer
	layout string
	line   []string
}

// NewCSV writes CSV as spreadsheets of a language expect it: in UTF-8 with a mark that says so, and in German with semicolons,
// since there the comma stands in numbers.
func NewCSV(w io.Writer, l texts.Language) (Writer, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	c := &csvWriter{out: csv.NewWriter(w), layout: "2006-01-02 15:04:05"}
	c.out.UseCRLF = true
	if l == texts.German {
		c.out.Comma, c.layout = ';', "02.01.2006 15:04:05"
	}
	return c, nil
}

func (c *csvWriter) Row(cells []any) error {
	c.line = c.line[:0]
	for _, cell := range cells {
		c.line = append(c.line, text(cell, c.layout))
	}
	return c.out.Write(c.line)
}

func (c *csvWriter) Close() error {
	c.out.Flush()
	return c.out.Error()
}
