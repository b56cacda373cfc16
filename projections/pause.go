package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Pause makes a view stand still, whichever portal moves it, until Resume. A batch that is being written is let through;
// whoever comes with the next one is shut out. Rebuild, verify and readers are not held up.
func (e *Engine) Pause(ctx context.Context, view string) error {
	v, err := e.view(view)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, e.DB, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO portal.paused (view) VALUES ($1) ON CONFLICT DO NOTHING`, v.Name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE portal.generation SET epoch = epoch + 1 WHERE view = $1 AND state IN ('live', 'prev')`, v.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("pause view %s: %w", view, err)
	}
	return nil
}

// Resume lets a paused view go on, within about a second.
func (e *Engine) Resume(ctx context.Context, view string) error {
	v, err := e.view(view)
	if err == nil {
		_, err = e.DB.Exec(ctx, `DELETE FROM portal.paused WHERE view = $1`, v.Name)
	}
	if err != nil {
		return fmt.Errorf("resume view %s: %w", view, err)
	}
	return nil
}

func isPaused(ctx context.Context, db Querier, view string) (paused bool, err error) {
	err = db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM portal.paused WHERE view = $1)`, view).Scan(&paused)
	return paused, err
}

func pausedViews(ctx context.Context, db Querier) (map[string]bool, error) {
	rows, err := db.Query(ctx, `SELECT view FROM portal.paused`)
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	paused := map[string]bool{}
	for _, name := range names {
		paused[name] = true
	}
	return paused, err
}
