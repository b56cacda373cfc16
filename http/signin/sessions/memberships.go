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
