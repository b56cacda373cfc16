package secrets

import (
	"context"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/profile"
)

// lockSealing is held while old rows are sealed. The number means nothing; it only must not be anybody else's.
const lockSealing = 0x7365_6372_0001

// sealOld seals what a portal from before has left in clear, and drops the column that it stood in. Portals that start at the same
// time take turns.
func (v *Vault) sealOld(ctx context.Context) error {
	return wrap(pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockSealing); err != nil {
			return err
		}
		var old bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM information_schema.columns
			WHERE table_schema = 'vault' AND table_name = 'profile_secret' AND column_name = 'value')`).Scan(&old)
		if err != nil || !old {
			return err
		}
		if _, err := tx.Exec(ctx, `ALTER TABLE vault.profile_secret ADD COLUMN sealed bytea`); err != nil {
			return err
		}
		type row struct {
			Tenant domain.Tenant
			ID     profile.SecretID
			Value  string
		}
		rows, err := tx.Query(ctx, `SELECT tenant, id, value FROM vault.profile_secret`)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return err
		}
		var b pgx.Batch
		for _, r := range all {
			b.Queue(`UPDATE vault.profile_secret SET sealed = $3 WHERE tenant = $1 AND id = $2`, r.Tenant, r.ID, v.key.Seal(about(r.Tenant, r.ID), []byte(r.Value)))
		}
		b.Queue(`ALTER TABLE vault.profile_secret ALTER COLUMN sealed SET NOT NULL, DROP COLUMN value`)
		return tx.SendBatch(ctx, &b).Close()
	}))
}
