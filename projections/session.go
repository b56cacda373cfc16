package projections

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// session is a connection of a projector's own. After an error it is closed: what the server had in flight is gone with it.
type session struct {
	conn     *pgx.Conn
	types    *pgtype.Map
	prepared map[string]string // statement -> name

	grown, replanAt int // rows inserted, and how many make plans be made anew
	replan          bool
}

// sessionSettings suit short writes by key. A crash of the server may lose the last commits, but rows and position
// together, so nothing is lost; waiting for the disk would triple the time of a small batch. Plans are made once and kept.
const sessionSettings = `SET synchronous_commit = off; SET timezone = 'UTC'; SET lock_timeout = '10s';
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off`

func newSession(ctx context.Context, db *pgxpool.Pool) (*session, error) {
	pooled, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: pooled.Hijack(), types: newTypeMap(), prepared: map[string]string{}, replanAt: 64}
	if _, err := s.conn.Exec(ctx, sessionSettings); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return s.conn.Close(ctx)
}

// grew counts inserted rows. A plan that is right for a table of ten rows joins a batch with one of a million in the wrong
// order, and Postgres would keep it until the next ANALYZE.
func (s *session) grew(rows int) {
	if s.grown += rows; s.grown >= s.replanAt {
		s.replan, s.replanAt = true, 4*s.grown
	}
}

// statement is one step of a pipeline. Parameters are encoded already, all in binary.
type statement struct {
	sql    string
	oids   []uint32
	params [][]byte
	row    func([][]byte) error // nil: the result does not matter
}

// run sends all statements at once and waits for them together: one round trip, and unless a transaction is open, one
// transaction.
func (s *session) run(ctx context.Context, statements []statement) (err error) {
	if len(statements) == 0 {
		return nil
	}
	if s.replan {
		s.replan = false
		statements = append([]statement{{sql: "DISCARD PLANS"}}, statements...)
	}
	p := s.conn.PgConn().StartPipeline(ctx)
	defer func() {
		if closeErr := p.Close(); err == nil && closeErr != nil {
			err = fromPostgres(closeErr)
		}
	}()
	binaryFormat := []int16{pgtype.BinaryFormatCode}
	for _, st := range statements {
		name, ok := s.prepared[st.sql]
		if !ok {
			name = "p" + strconv.Itoa(len(s.prepared))
			s.prepared[st.sql] = name
			p.SendPrepare(name, st.sql, st.oids)
		}
		formats := binaryFormat
		if len(st.params) == 0 {
			formats = nil
		}
		p.SendQueryPrepared(name, st.params, formats, binaryFormat)
	}
	if err := p.Sync(); err != nil {
		return err
	}
	for done := 0; done < len(statements); {
		result, err := p.GetResults()
		if err != nil {
			return fromPostgres(err)
		}
		rows, ok := result.(*pgconn.ResultReader)
		if !ok {
			continue // the answer to a Prepare
		}
		if err := readRows(rows, statements[done].row); err != nil {
			return fromPostgres(err)
		}
		done++
	}
	return nil
}

func readRows(rows *pgconn.ResultReader, each func([][]byte) error) error {
	var failed error
	for rows.NextRow() {
		if each != nil && failed == nil {
			failed = each(rows.Values())
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	return failed
}

const int8OID = pgtype.Int8OID

// int8Param is a parameter of type bigint.
func int8Param(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } //nolint:gosec // two's complement
