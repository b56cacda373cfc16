package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/eventstore"
)

// PolicyStatus is where a policy stands.
type PolicyStatus struct {
	Name        string
	Position    eventstore.Position
	Head        eventstore.Position // of the log
	Behind      time.Duration       // as in Status
	Halted      *Halt
	Quarantined int64 // events left out, as an operator decided
}

// State sums up where the policy stands.
func (s PolicyStatus) State() string {
	return Status{Version: 1, Halted: s.Halted, Position: s.Position, Head: s.Head}.State()
}

// PolicyStatus lists the policies that have ever run.
func (e *Engine) PolicyStatus(ctx context.Context) ([]PolicyStatus, error) {
	all, err := policies(ctx, e.DB)
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	head := e.seeHead(ctx)
	for i := range all {
		all[i].Head, all[i].Behind = head, e.lag.behind(all[i].Position, time.Now())
	}
	return all, nil
}

func policies(ctx context.Context, db Querier) ([]PolicyStatus, error) {
	rows, err := db.Query(ctx, `SELECT name, commit, prepare, passed, error IS NOT NULL, COALESCE(error_id::text, ''), COALESCE(error_type, ''),
		COALESCE(error_at, ''), COALESCE(error, ''), COALESCE(error_since, 'epoch') FROM portal.policy_checkpoint ORDER BY name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s PolicyStatus, err error) {
		var (
			commit, prepare int64
			halted          bool
			h               Halt
		)
		err = row.Scan(&s.Name, &commit, &prepare, &s.Quarantined, &halted, &h.EventID, &h.EventType, &h.Position, &h.Message, &h.Since)
		s.Position = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
		if halted {
			s.Halted = &h
		}
		return s, err
	})
}

// Rewind sends a policy back to the beginning of the log, which heals one that has seen more than a restored log holds: what it
// has done already is not done again, since its commands are known by their ids.
func (e *Engine) Rewind(ctx context.Context, policy string) error {
	tag, err := e.DB.Exec(ctx, `UPDATE portal.policy_checkpoint SET commit = 0, prepare = 0, epoch = epoch + 1, moved = now(), passed = 0,
		last_id = NULL, last_stream = NULL, last_revision = NULL, error = NULL, error_id = NULL, error_type = NULL, error_at = NULL, error_since = NULL
		WHERE name = $1`, strings.TrimPrefix(policy, policyTopic("")))
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNoPolicy
	}
	if err != nil {
		return fmt.Errorf("rewind policy %s: %w", policy, err)
	}
	return nil
}
