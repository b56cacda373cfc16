package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// record notes the outcome of a comparison with the generation that was compared. An error that is no Difference says
// nothing of the rows, and is not noted.
func (e *Engine) record(ctx context.Context, g Generation, outcome error) error {
	var d *Difference
	var differs *string
	switch {
	case errors.As(outcome, &d):
		text := d.Error()
		differs = &text
	case outcome != nil:
		return nil //nolint:nilerr // the caller knows it already
	}
	_, err := e.DB.Exec(ctx, `UPDATE portal.generation SET verified = clock_timestamp(), differs = $2 WHERE id = $1`, g.ID, differs)
	return err
}

// keepVerifying compares each view that this portal moves, as often as VerifyEvery says, over restarts.
func (e *Engine) keepVerifying(ctx context.Context) {
	for sleep(ctx, min(e.VerifyEvery, tidyEvery)) == nil {
		for _, v := range e.Views {
			if p, ok := e.consumers[v.Name].(*projector); !ok || !p.working() {
				continue
			}
			if err := e.verifyIfDue(ctx, v); err != nil && ctx.Err() == nil {
				e.Log.Error("verify", "view", v.Name, "error", err)
			}
		}
	}
}

func (e *Engine) verifyIfDue(ctx context.Context, v View) error {
	var due bool
	err := e.DB.QueryRow(ctx, `SELECT COALESCE(verified, 'epoch') < now() - $2::interval FROM portal.generation WHERE schema = $1`,
		v.Name, e.VerifyEvery).Scan(&due)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !due {
		return nil
	}
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	began := time.Now()
	at, err := e.Verify(ctx, v.Name, nil)
	if err == nil {
		e.Log.Info("verified", "view", v.Name, "position", at.String(), "took", time.Since(began))
	}
	return err
}
