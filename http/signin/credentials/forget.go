package credentials

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
)

// Forget deletes a person's account and everything that belongs to it. The tables are written anew, so that no file of the
// database holds what was deleted: erasures are rare, and accounts are few.
func Forget(ctx context.Context, db *pgxpool.Pool, person domain.PersonID) error {
	var deleted bool
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM vault.sign_in_failure USING vault.account WHERE person = $1 AND key = login`, person)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM vault.passkey_challenge WHERE person = $1`, person); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM vault.account WHERE person = $1`, person)
		deleted = tag.RowsAffected() > 0
		return err
	})
	for _, table := range []string{"account", "recovery_code", "passkey"} {
		if err == nil && deleted {
			_, err = db.Exec(ctx, `VACUUM FULL vault.`+table)
		}
	}
	return err
}
