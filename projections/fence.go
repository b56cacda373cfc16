package projections

import (
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgtype"
)

// fence moves the position to the last event that was folded, if it is where this writer left it and nobody has taken the
// generation over.
func (w *writer) fence() (statement, error) {
	to := w.pending.last.Position
	if to.Commit > math.MaxInt64 || to.Prepare > math.MaxInt64 {
		return statement{}, fmt.Errorf("position %s does not fit a bigint", to)
	}
	const sql = `WITH moved AS (UPDATE portal.generation SET commit = $1, prepare = $2, moved = now(), error = NULL, error_id = NULL,
		error_type = NULL, error_at = NULL, error_since = NULL, events = events + $7, applied = applied + $8, last_revision = $9,
		last_id = $10, last_stream = $11 WHERE id = $3 AND epoch = $4 AND commit = $5 AND prepare = $6 RETURNING 1)
		SELECT portal.must(count(*), 1, '` + stateFenced + `', 'generation at the position and epoch of this projector') FROM moved`
	numbers := []int64{int64(to.Commit), int64(to.Prepare), w.gen.ID, w.gen.Epoch, int64(w.gen.Position.Commit), int64(w.gen.Position.Prepare), //nolint:gosec // checked above
		int64(w.pending.events), int64(w.pending.applied), int64(w.pending.last.Revision)}
	st := statement{sql: sql}
	for _, n := range numbers {
		st.params, st.oids = append(st.params, int8Param(n)), append(st.oids, int8OID)
	}
	id := w.pending.last.ID // a copy: it may be sent when others are pending
	st.params = append(st.params, id[:], []byte(w.pending.last.Stream.String()))
	st.oids = append(st.oids, pgtype.UUIDOID, pgtype.TextOID)
	return st, nil
}

// leavePassed notes which events were passed by, in the transaction that passes them.
func (w *writer) leavePassed() (out []statement) {
	for _, r := range w.pending.passed {
		out = append(out, statement{
			sql:    `INSERT INTO portal.quarantined (generation, event, commit, prepare) VALUES ($1, $2, $3, $4)`,
			params: [][]byte{int8Param(w.gen.ID), r.ID[:], int8Param(int64(r.Position.Commit)), int8Param(int64(r.Position.Prepare))}, //nolint:gosec // not after the last, which was checked
			oids:   []uint32{int8OID, pgtype.UUIDOID, int8OID, int8OID},
		})
	}
	return out
}
