package projections

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
)

// Hash is the SHA-256 of each table of a schema: of its rows in the order of their primary keys. Two generations with the
// same rows have the same hashes, wherever and in whatever order these were written.
func Hash(ctx context.Context, db *pgxpool.Pool, schema string) (map[string]string, error) {
	hashes := map[string]string{}
	err := inSnapshot(ctx, db, func(tx pgx.Tx) error {
		queries, err := dumpQueries(ctx, tx, schema)
		if err != nil {
			return err
		}
		for table, sql := range queries {
			h := sha256.New()
			if _, err := tx.Conn().PgConn().CopyTo(ctx, h, sql); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
			hashes[table] = hex.EncodeToString(h.Sum(nil))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hash of %s: %w", schema, err)
	}
	return hashes, nil
}

// inSnapshot runs reads that all see the database as it is at the first, with every value in one spelling.
func inSnapshot(ctx context.Context, db *pgxpool.Pool, read func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601';
			SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3`)
		if err != nil {
			return err
		}
		return read(tx)
	})
}

// dumpQueries gives for each table the COPY that writes its rows in their canonical order.
func dumpQueries(ctx context.Context, db Querier, schema string) (map[string]string, error) {
	defs, err := describe(ctx, db, schema)
	if err != nil {
		return nil, err
	}
	if len(defs) == 0 {
		return nil, fmt.Errorf("there are no tables in schema %s", schema)
	}
	out := map[string]string{}
	for table, columns := range defs {
		slices.SortFunc(columns, func(a, b columnDef) int { return strings.Compare(a.name, b.name) })
		var names, order []string
		for _, c := range columns {
			names = append(names, quote(c.name))
			if c.key {
				by := quote(c.name)
				if c.sqlType == "text" || strings.HasPrefix(c.sqlType, "character") {
					by += ` COLLATE "C"` // the database's own order may change with its libraries
				}
				order = append(order, by)
			}
		}
		if len(order) == 0 {
			return nil, fmt.Errorf("table %s has no primary key", table)
		}
		out[table] = fmt.Sprintf("COPY (SELECT %s FROM %s ORDER BY %s) TO STDOUT", strings.Join(names, ", "),
			pgx.Identifier{schema, table}.Sanitize(), strings.Join(order, ", "))
	}
	return out, nil
}

// Difference is the first place in which the live tables differ from what the log says.
type Difference struct {
	View, Table string
	Position    eventstore.Position // at which both were compared
	Live, Built string              // the rows, in the text format of COPY with columns by name; empty where there is none
}

func (d *Difference) Error() string {
	return fmt.Sprintf("view %s differs from its rebuild at %s: table %s has %q, the log says %q", d.View, d.Position, d.Table, d.Live, d.Built)
}

// Verify builds the view anew up to where the live tables are, and compares row by row. The error is a *Difference if they
// differ. Live goes on meanwhile; what is compared is how it was when Verify began. It answers that position.
func (e *Engine) Verify(ctx context.Context, view string, report func(Progress)) (at eventstore.Position, err error) {
	v, err := e.view(view)
	if err != nil {
		return at, err
	}
	// Two comparisons of one view would take each other's tables.
	schema := v.Name + suffixVerify
	s, release, err := e.hold(ctx, schema, uuid.NewString())
	if err != nil {
		return at, fmt.Errorf("verify view %s: %w", view, err)
	}
	defer func() {
		_ = s.close()
		release()
	}()
	for range verifyTries {
		if at, err = e.verify(ctx, v, schema, report); !errors.Is(err, errExchanged) {
			break
		}
	}
	var d *Difference
	if err != nil && !errors.As(err, &d) {
		err = fmt.Errorf("verify view %s: %w", view, err)
	}
	return at, err
}

// verifyTries bounds how often Verify begins anew since a swap or a renewal has come between.
const verifyTries = 3

var errExchanged = errors.New("the live tables have been exchanged meanwhile")

func (e *Engine) verify(ctx context.Context, v View, schema string, report func(Progress)) (at eventstore.Position, err error) {
	err = inSnapshot(ctx, e.DB, func(live pgx.Tx) error {
		g, ok, err := find(ctx, live, v.Name)
		if err != nil || !ok {
			return errors.Join(err, fmt.Errorf("there is no live generation"))
		}
		if g.Version != v.Version {
			return fmt.Errorf("live is of version %d, this portal's is %d", g.Version, v.Version)
		}
		at = g.Position
		var tables uint32 // in the snapshot, where a swap of just now does not show yet
		if err := live.QueryRow(ctx, `SELECT oid FROM pg_namespace WHERE nspname = $1`, v.Name).Scan(&tables); err != nil {
			return err
		}
		if err := e.sameLog(ctx, g.place()); err != nil {
			return err
		}
		if err := e.buildCheck(ctx, v, schema, at, report); err != nil {
			return err
		}
		err = inSnapshot(ctx, e.DB, func(built pgx.Tx) error {
			if err := holdTables(ctx, live, v.Name, tables); err != nil {
				return err
			}
			return compare(ctx, live, built, v, schema, at)
		})
		return errors.Join(err, drop(ctx, e.DB, schema), e.record(ctx, g, err))
	})
	return at, err
}

func (e *Engine) buildCheck(ctx context.Context, v View, schema string, until eventstore.Position, report func(Progress)) error {
	if err := drop(ctx, e.DB, schema); err != nil {
		return err
	}
	if err := create(ctx, e.DB, v, schema, StateCheck); err != nil {
		return err
	}
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return err
	}
	w, err := e.open(ctx, s, v, schema)
	if err != nil {
		return errors.Join(err, s.close())
	}
	b := e.newBuild(v, w, report)
	defer b.close()
	b.progress.Head = until
	if until.IsZero() {
		return nil
	}
	if _, err = b.fill(ctx, until); err == nil && b.gen.Position != until {
		err = fmt.Errorf("%w: the log ends at %s", ErrAhead, b.gen.Position)
	}
	return err
}

func compare(ctx context.Context, live, built pgx.Tx, v View, schema string, at eventstore.Position) error {
	want, err := dumpQueries(ctx, built, schema)
	if err != nil {
		return err
	}
	have, err := dumpQueries(ctx, live, v.Name)
	if err != nil {
		return err
	}
	for _, table := range v.TableNames() {
		a, b, differ, err := firstDifference(ctx, live, built, have[table], want[table])
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		if differ {
			return &Difference{View: v.Name, Table: table, Position: at, Live: a, Built: b}
		}
	}
	return nil
}

// firstDifference reads both dumps side by side.
func firstDifference(ctx context.Context, live, built pgx.Tx, have, want string) (a, b string, differ bool, err error) {
	dump := func(tx pgx.Tx, sql string) *io.PipeReader {
		r, w := io.Pipe()
		go func() {
			_, err := tx.Conn().PgConn().CopyTo(ctx, w, sql)
			w.CloseWithError(err)
		}()
		return r
	}
	ra, rb := dump(live, have), dump(built, want)
	la, lb := bufio.NewReader(ra), bufio.NewReader(rb)
	defer func() { // both dumps must come to their end before their connections can be used again
		_, errA := io.Copy(io.Discard, la)
		_, errB := io.Copy(io.Discard, lb)
		err = errors.Join(err, errA, errB)
	}()
	for {
		a, errA := la.ReadString('\n')
		b, errB := lb.ReadString('\n')
		if a != b {
			return strings.TrimSuffix(a, "\n"), strings.TrimSuffix(b, "\n"), true, nil
		}
		if errA != nil || errB != nil {
			if errA == io.EOF && errB == io.EOF {
				return "", "", false, nil
			}
			return "", "", false, errors.Join(errA, errB)
		}
	}
}
