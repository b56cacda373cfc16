package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"avportal/eventstore"
)

// SQL says how the tables of a view are written by statements instead of folds. Everything else is as for any view: the
// same fence, the same transaction for rows and position, generations, verification. A rebuild runs the same statements.
type SQL struct {
	// Role owns the tables and runs the statements. It has rights in the schemas of the view's generations and nowhere else.
	// It is made if it does not exist.
	Role string

	// Tables are those that View.Schema creates. Each needs a primary key.
	Tables []string

	// Digest stands for all statements: when one changes, past events come to mean something else.
	Digest string

	// Statements are run for each event of a type, in order.
	Statements map[string][]Statement

	// Timeout bounds each statement; one that takes longer stops the view before its event.
	Timeout time.Duration
}

// Statement is one statement that is run for an event.
type Statement struct {
	Where  string // file and line, for errors
	SQL    string // with parameters $1, $2, ...
	OIDs   []uint32
	Values func(r eventstore.Recorded) ([]any, error) // of the parameters
}

// sqlWriter runs the statements of a view in a transaction that flush commits with the position.
type sqlWriter struct {
	*session
	sql    *SQL
	schema string
	open   bool // a transaction has begun
	stale  bool // and what it holds must not be kept
	ready  bool // the statements are prepared
}

func newSQLWriter(s *session, v *SQL, schema string) *sqlWriter {
	return &sqlWriter{session: s, sql: v, schema: schema}
}

// enterSQL limits what runs until the end of the transaction to the rights of the role and to one schema.
func enterSQL(role, schema string, timeout time.Duration) string {
	return fmt.Sprintf("SET LOCAL search_path = %s; SET LOCAL statement_timeout = %d; SET LOCAL ROLE %s", quote(schema), timeout.Milliseconds(), quote(role))
}

// fold runs the statements of a batch. After an *EventError nothing of the transaction is left.
func (w *sqlWriter) fold(ctx context.Context, events []eventstore.Recorded) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	steps, failed := w.encode(events)
	at, err := w.send(ctx, steps)
	switch {
	case err != nil && at < len(steps) && stops(ctx, err):
		step := steps[at]
		failed = newEventError(step.event, events[step.event], fmt.Errorf("%s: %w", step.Where, err))
	case err != nil:
		return err
	}
	if failed != nil {
		return errors.Join(w.rollback(ctx), failed)
	}
	w.grew(len(events))
	return nil
}

func (w *sqlWriter) begin(ctx context.Context) error {
	if w.stale {
		if err := w.rollback(ctx); err != nil {
			return err
		}
	}
	if w.open {
		return nil
	}
	begin := "BEGIN; " + enterSQL(w.sql.Role, w.schema, w.sql.Timeout)
	if w.replan {
		w.replan = false
		begin = "DISCARD PLANS; " + begin
	}
	if _, err := w.conn.Exec(ctx, begin); err != nil {
		return err
	}
	w.open = true
	if w.ready {
		return nil
	}
	for eventType, statements := range w.sql.Statements {
		for i, st := range statements {
			if _, err := w.conn.PgConn().Prepare(ctx, statementName(eventType, i), st.SQL, st.OIDs); err != nil {
				return fmt.Errorf("%s: %w", st.Where, err)
			}
		}
	}
	w.ready = true
	return nil
}

func statementName(eventType string, i int) string { return fmt.Sprintf("on %s %d", eventType, i) }

// step is one statement with the parameters of one event.
type step struct {
	Statement
	event   int // in its batch
	name    string
	params  [][]byte
	formats []int16
}

// encode gives the statements of a batch up to an event whose parameters can't be had.
func (w *sqlWriter) encode(events []eventstore.Recorded) (steps []step, failed *EventError) {
	for i, r := range events {
		for n, st := range w.sql.Statements[r.Type] {
			s := step{Statement: st, event: i, name: statementName(r.Type, n)}
			if err := s.fill(w.types, r); err != nil {
				return steps, newEventError(i, r, fmt.Errorf("%s: %w", st.Where, err))
			}
			steps = append(steps, s)
		}
	}
	return steps, nil
}

func (s *step) fill(types *pgtype.Map, r eventstore.Recorded) error {
	values, err := s.Values(r)
	if err != nil {
		return err
	}
	for i, v := range values {
		b, err := types.Encode(s.OIDs[i], pgtype.BinaryFormatCode, v, nil)
		if err != nil {
			return fmt.Errorf("parameter %d: %w", i+1, err)
		}
		s.params, s.formats = append(s.params, b), append(s.formats, pgtype.BinaryFormatCode)
	}
	return nil
}

// send runs all steps in one round trip. at is the step that failed.
func (w *sqlWriter) send(ctx context.Context, steps []step) (at int, err error) {
	if len(steps) == 0 {
		return 0, nil
	}
	p := w.conn.PgConn().StartPipeline(ctx)
	defer func() {
		if closeErr := p.Close(); err == nil {
			err = closeErr
		}
	}()
	for _, s := range steps {
		p.SendQueryPrepared(s.name, s.params, s.formats, nil)
	}
	if err := p.Sync(); err != nil {
		return len(steps), err
	}
	for at = range steps {
		result, err := p.GetResults()
		if err != nil {
			return at, err
		}
		if rows, ok := result.(*pgconn.ResultReader); ok {
			if err := readRows(rows, nil); err != nil {
				return at, err
			}
		}
	}
	return len(steps), nil
}

// commit moves the position in the transaction of the rows. The role has no right to do that, so it ends first.
func (w *sqlWriter) commit(ctx context.Context, statements []statement) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	if _, err := w.conn.Exec(ctx, "RESET ROLE"); err != nil {
		return err
	}
	err := w.run(ctx, append(statements, statement{sql: "COMMIT"}))
	w.open = err != nil
	return err
}

func (w *sqlWriter) rollback(ctx context.Context) error {
	if !w.open {
		w.stale = false
		return nil
	}
	w.open, w.stale = false, false
	_, err := w.conn.Exec(ctx, "ROLLBACK")
	return err
}

// stops reports whether an error of a statement is there to stay. Statements of analysts fail in more ways than the
// engine's own: whatever does not come from the server's or the connection's state stops the view.
func stops(ctx context.Context, err error) bool {
	var pg *pgconn.PgError
	if ctx.Err() != nil || !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	if pg.Code == "57014" { // statement_timeout
		return true
	}
	return !slices.Contains([]string{"08", "25", "40", "53", "55", "57", "58", "XX"}, pg.Code[:2])
}

// createAs makes a generation's schema and tables as a role of few rights.
func createAs(ctx context.Context, tx pgx.Tx, s *SQL, schema, tables string) error {
	if err := EnsureRole(ctx, tx, s.Role); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s", quote(schema), quote(s.Role))); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, enterSQL(s.Role, schema, time.Minute)+";\n"+tables+"\n;RESET ROLE; SET LOCAL search_path = DEFAULT; SET LOCAL statement_timeout = 0")
	return err
}

// EnsureRole makes a role that can't log in, and lets the present user act as it.
func EnsureRole(ctx context.Context, tx pgx.Tx, role string) error {
	literal := "'" + strings.ReplaceAll(role, "'", "''") + "'"
	_, err := tx.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %[1]s) THEN
			BEGIN
				CREATE ROLE %[2]s NOLOGIN;
			EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- roles belong to the server: another database was faster
			END;
		END IF;
		IF NOT pg_has_role(current_user, %[1]s, 'MEMBER') THEN
			GRANT %[2]s TO CURRENT_USER;
		END IF;
	END $$`, literal, quote(role)))
	if err != nil {
		return fmt.Errorf("role %s, which the portal's user must be able to create or be a member of: %w", role, err)
	}
	return nil
}
