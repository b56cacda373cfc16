package users

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"avportal/projections"
)

// Readable answers the members who were erased and whose keys are there all the same: since the vault was restored, for
// instance, from a backup that is older than the erasure. The connection must be allowed to read the vault.
func Readable(ctx context.Context, db projections.Querier) ([]Key, error) {
	rows, err := db.Query(ctx, `SELECT replace(m.tenant::text, '-', ''), m.user_id FROM users.member m JOIN vault.subject_key k ON k.subject = m.user_id
		WHERE m.erased AND k.key IS NOT NULL LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k Key, err error) { return k, row.Scan(&k.Tenant, &k.User) })
}
