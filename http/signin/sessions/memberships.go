package sessions

import (
	"context"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
)

// Membership is one that a person has.
type Membership struct {
	Tenant domain.Tenant
	User   domain.UserID
}

// Remember notes that a person is the member, and that he acts as this one now.
func (v *Vault) Remember(ctx context.Context, p domain.PersonID, m Membership) error {
	_, err := v.db.Exec(ctx, `INSERT INTO vault.membership (person, tenant, user_id, used_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person, tenant, user_id) DO UPDATE SET used_at = $4`, p, m.Tenant, m.User, v.now())
	return err
}

// Forget deletes what there is of a member: his sessions, also those that have ended, and that he is the member.
func (v *Vault) Forget(ctx context.Context, m Membership) error {
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM vault.session WHERE tenant = $1 AND user_id = $2`, m.Tenant, m.User)
	batch.Queue(`DELETE FROM vault.membership WHERE tenant = $1 AND user_id = $2`, m.Tenant, m.User)
	return v.db.SendBatch(ctx, batch).Close()
}

// Memberships lists those of a person, the last one that he acted as first.
func (v *Vault) Memberships(ctx context.Context, p domain.PersonID) ([]Membership, error) {
	if p == "" {
		return nil, nil
	}
	rows, err := v.db.Query(ctx, `SELECT tenant, user_id FROM vault.membership WHERE person = $1 ORDER BY used_at DESC, tenant, user_id`, p)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Membership])
}
