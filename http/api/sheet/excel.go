package sheet

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/xuri/excelize/v2"
)

// maxRows is how many rows a sheet of Excel has. What is more goes to another sheet.
const maxRows = 1_048_576

type excelWriter struct {
	w      io.Writer
	file   *excelize.File
	name   string
	header []any
	date   int // style
	bold   int
	sheets int
	stream *excelize.StreamWriter
	rows   int
	max    int
}

// NewExcel writes a workbook. It is put together in a temporary file where it is large, and written to w by Close.
func NewExcel(w io.Writer, name string) (Writer, error) {
	e := &excelWriter{w: w, file: excelize.NewFile(), name: name, max: maxRows}
	format := "yyyy-mm-dd hh:mm:ss"
	var err1, err2 error
	e.date, err1 = e.file.NewStyle(&excelize.Style{CustomNumFmt: &format})
	e.bold, err2 = e.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	return e, errors.Join(err1, err2)
}

func (e *excelWriter) Row(cells []any) error {
	if e.header == nil {
		e.header = append(e.header, cells...)
		return e.sheet()
	}
	if e.rows == e.max {
		if err := errors.Join(e.stream.Flush(), e.sheet()); err != nil {
			return err
		}
	}
	return e.write(cells, 0)
}

// sheet begins the next sheet.
func (e *excelWriter) sheet() (err error) {
	e.sheets++
	e.rows = 0
	name := e.name
	if e.sheets == 1 {
		err = e.file.SetSheetName("Sheet1", name)
	} else {
		name = fmt.Sprintf("%s %d", e.name, e.sheets)
		_, err = e.file.NewSheet(name)
	}
	if err != nil {
		return err
	}
	if e.stream, err = e.file.NewStreamWriter(name); err != nil {
		return err
	}
	if err := e.stream.SetColWidth(1, len(e.header), 22); err != nil {
		return err
	}
	if err := e.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	return e.write(e.header, e.bold)
}

func (e *excelWriter) write(cells []any, style int) error {
	e.rows++
	row := make([]any, len(cells))
	for i, cell := range cells {
		c := excelize.Cell{StyleID: style, Value: cell}
		switch v := cell.(type) {
		case string:
			c.Value = safe(v)
		case time.Time:
			if c.Value = nil; !v.IsZero() {
				c.Value, c.StyleID = v.UTC(), e.date
			}
		}
		row[i] = c
	}
	at, err := excelize.CoordinatesToCellName(1, e.rows)
	if err != nil {
		return err
	}
	return e.stream.SetRow(at, row)
}

func (e *excelWriter) Close() error {
	if e.stream == nil {
		return e.file.Close()
	}
	err := e.stream.Flush()
	if err == nil {
		_, err = e.file.WriteTo(e.w)
	}
	return errors.Join(err, e.file.Close()) // which removes temporary files
}
