// Package sheet writes tables for spreadsheets, row by row: CSV and Excel workbooks. Nothing that people or devices have
// written is ever taken for a formula.
package sheet

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Writer takes rows. The first is the header. A cell is a string, an int, or a time.Time, which is shown in UTC and left empty
// if it is zero.
type Writer interface {
	Row(cells []any) error
	Close() error // without it the table is not whole
}

// safe gives a text the form in which no spreadsheet takes it for a formula: by an apostrophe before it.
func safe(s string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }))
	start, _ := utf8.DecodeRuneInString(s)
	if strings.ContainsRune("=+-@＝＋－＠", first) && s != "" || start == '\t' || start == '\r' || start == 0 {
		return "'" + s
	}
	return s
}

func text(cell any, layout string) string {
	switch c := cell.(type) {
	case time.Time:
		if c.IsZero() {
			return ""
		}
		return c.UTC().Format(layout)
	case string:
		return safe(c)
	}
	return fmt.Sprint(cell)
}
