package devices

import (
	"fmt"
	"strconv"
	"time"

	"avportal/projections/page"
	"avportal/projections/rowkey"
)

// mark is a device and what it is ordered by.
type mark struct {
	At       time.Time // what is sorted by, if that is a time ...
	Number   int16     // ... or a number ...
	Text     string    // ... or a text
	Hostname string
	Device   rowkey.Key
}

// key is what a list is sorted by before the host name.
type key struct {
	expression string
	kind       kind
}

type kind int

const (
	none kind = iota
	instant
	number
	text
)

// columns selects a mark of device d.
func (k key) columns() string {
	values := [...]string{instant: "'0001-01-01 00:00:00Z'::timestamptz", number: "0::smallint", text: "''"}
	if k.kind != none {
		values[k.kind] = k.expression
	}
	return fmt.Sprintf("%s AS at, %s AS number, %s AS text, d.hostname, d.device", values[instant], values[number], values[text])
}

// of is the value of the key in a mark.
func (k key) of(m *mark) any {
	switch k.kind {
	case instant:
		return m.At
	case number:
		return m.Number
	}
	return m.Text
}

func (m mark) cursor(of page.Of) (string, error) {
	return of.Cursor(strconv.FormatInt(m.At.UnixMicro(), 36), strconv.Itoa(int(m.Number)), m.Text, m.Hostname, string(m.Device))
}

func parseMark(of page.Of, cursor string) (*mark, error) {
	part, err := of.Key(cursor, 5)
	if err != nil || part == nil {
		return nil, err
	}
	micro, err1 := strconv.ParseInt(part[0], 36, 64)
	number, err2 := strconv.ParseInt(part[1], 10, 16)
	if err1 != nil || err2 != nil {
		return nil, page.ErrCursor
	}
	return &mark{At: time.UnixMicro(micro).UTC(), Number: int16(number), Text: part[2], Hostname: part[3], Device: rowkey.Key(part[4])}, nil
}
