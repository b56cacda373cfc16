package page

import (
	"fmt"
	"strconv"
	"time"

	"avportal/projections/sqltext"
)

// Key is what a list is sorted by before the name. The zero value sorts by name alone.
type Key struct {
	Expression string
	Kind       Kind
}

// Kind is what a key is made of.
type Kind int

// The kinds of keys.
const (
	None Kind = iota
	Time
	Number // bigint
	Text
)

// Mark is a row's place in the order of a list: its key, its name, its id.
type Mark[ID ~string] struct {
	At     time.Time
	Number int64
	Text   string
	Name   string
	ID     ID
}

// Columns selects a mark of a row with this name and id.
func (k Key) Columns(name, id string) string {
	values := [...]string{Time: "'0001-01-01 00:00:00Z'::timestamptz", Number: "0::bigint", Text: "''"}
	if k.Kind != None {
		values[k.Kind] = k.Expression
	}
	return fmt.Sprintf("%s AS at, %s AS number, %s AS text, %s, %s", values[Time], values[Number], values[Text], name, id)
}

// Order adds the condition that rows come after the mark (nil: no condition) and answers how they are ordered: by the key
// in the direction asked for, then by name and id upward. Without a key, name and id go in that direction.
func Order[ID ~string](s *sqltext.Statement, k Key, after *Mark[ID], descending bool, name, id string) string {
	direction, beyond := "ASC", ">"
	if descending {
		direction, beyond = "DESC", "<"
	}
	if k.Kind == None {
		if after != nil {
			s.And("("+name+", "+id+") "+beyond+" (?, ?)", after.Name, after.ID)
		}
		return fmt.Sprintf("%s %s, %s %s", name, direction, id, direction)
	}
	if after != nil {
		// The first condition follows from the second, but only the first can be looked up in an index.
		s.And(k.Expression+" "+beyond+"= ? AND ("+k.Expression+" "+beyond+" ? OR ("+name+", "+id+") > (?, ?))",
			k.of(after.At, after.Number, after.Text), k.of(after.At, after.Number, after.Text), after.Name, after.ID)
	}
	return fmt.Sprintf("%s %s, %s, %s", k.Expression, direction, name, id)
}

func (k Key) of(at time.Time, number int64, text string) any {
	switch k.Kind {
	case Time:
		return at
	case Number:
		return number
	}
	return text
}

// Cursor is the mark as a cursor.
func (m Mark[ID]) Cursor(of Of) (string, error) {
	return of.Cursor(strconv.FormatInt(m.At.UnixMicro(), 36), strconv.FormatInt(m.Number, 36), m.Text, m.Name, string(m.ID))
}

// ParseMark reads a cursor; nil for an empty one. The error is ErrCursor.
func ParseMark[ID ~string](of Of, cursor string) (*Mark[ID], error) {
	part, err := of.Key(cursor, 5)
	if err != nil || part == nil {
		return nil, err
	}
	micro, err1 := strconv.ParseInt(part[0], 36, 64)
	number, err2 := strconv.ParseInt(part[1], 36, 64)
	if err1 != nil || err2 != nil {
		return nil, ErrCursor
	}
	return &Mark[ID]{At: time.UnixMicro(micro).UTC(), Number: number, Text: part[2], Name: part[3], ID: ID(part[4])}, nil
}

// Cut takes off the row beyond the page, if rows holds one more than limit, and answers the cursor to what follows.
func Cut[ID ~string](of Of, rows []Mark[ID], limit int) ([]Mark[ID], string, error) {
	if len(rows) <= limit {
		return rows, "", nil
	}
	next, err := rows[limit-1].Cursor(of)
	return rows[:limit], next, err
}

// Paging says which page of a list.
type Paging struct {
	Cursor string // empty: the first
	Limit  int    // rows; 0 means DefaultLimit, more than MaxLimit means that
}
