package projections

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
)

// copyIn streams rows by COPY in binary.
func (s *session) copyIn(ctx context.Context, sql string, r *copyReader) error {
	tag, err := s.conn.PgConn().CopyFrom(ctx, r, sql)
	if r.failed != nil {
		return r.failed // what Postgres says of it is less clear
	}
	if err != nil {
		return fromPostgres(err)
	}
	if tag.RowsAffected() != int64(len(r.rows)) {
		return fmt.Errorf("%s: %d rows instead of %d", sql, tag.RowsAffected(), len(r.rows))
	}
	return nil
}

// copyReader encodes rows as they are asked for.
type copyReader struct {
	columns []column
	rows    []reflect.Value
	next    int
	buf     []byte
	sent    int
	failed  error
	state   int // 0: before the header, 1: rows, 2: after the trailer
}

func (r *copyReader) Read(p []byte) (int, error) {
	if r.sent == len(r.buf) {
		if r.state == 2 {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.sent:])
	r.sent += n
	return n, nil
}

// encode encodes all rows at once.
func (r *copyReader) encode() error {
	var all []byte
	for r.state != 2 {
		if err := r.fill(); err != nil {
			return err
		}
		all = append(all, r.buf...)
	}
	r.buf = all
	return nil
}

func (r *copyReader) fill() error {
	r.buf, r.sent = r.buf[:0], 0
	if r.state == 0 {
		r.buf = append(r.buf, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
		r.state = 1
	}
	for ; r.next < len(r.rows) && len(r.buf) < 60<<10; r.next++ {
		r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(len(r.columns))) //nolint:gosec // a table has at most 1600
		for i := range r.columns {
			out, _, err := appendValue(r.buf, r.columns[i].encode, r.rows[r.next].FieldByIndex(r.columns[i].index))
			if err != nil {
				r.failed = dataError{fmt.Errorf("column %s: %w", r.columns[i].column, err)}
				return r.failed
			}
			r.buf = out
		}
	}
	if r.next == len(r.rows) {
		r.buf = binary.BigEndian.AppendUint16(r.buf, 0xffff)
		r.state = 2
	}
	return nil
}
