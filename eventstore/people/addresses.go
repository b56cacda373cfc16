package people

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
)

// Holder is who has taken an address, and since when.
type Holder struct {
	User  domain.UserID
	Since time.Time
}

// TakeAddress takes an address in an organization for a member, unless somebody has it already: the answer is who has it.
// Addresses are compared without regard to case.
func (v *Vault) TakeAddress(ctx context.Context, org domain.Scope, email string, user domain.UserID) (h Holder, err error) {
	digest, err := v.digest(ctx, org, email)
	if err != nil {
		return h, err
	}
	err = v.durably(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO vault.address (tenant, customer, digest, user_id, taken_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			org.Tenant, org.Customer, digest, user, v.now())
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT user_id, taken_at FROM vault.address WHERE tenant = $1 AND customer = $2 AND digest = $3`,
			org.Tenant, org.Customer, digest).Scan(&h.User, &h.Since)
	})
	return h, err
}

// PassAddress gives an address from a member who has left it to another. It reports whether that one still had it.
func (v *Vault) PassAddress(ctx context.Context, org domain.Scope, email string, from, to domain.UserID) (bool, error) {
	digest, err := v.digest(ctx, org, email)
	if err != nil {
		return false, err
	}
	tag, err := v.db.Exec(ctx, `UPDATE vault.address SET user_id = $5, taken_at = $6 WHERE tenant = $1 AND customer = $2 AND digest = $3 AND user_id = $4`,
		org.Tenant, org.Customer, digest, from, to, v.now())
	return tag.RowsAffected() == 1, err
}

// LeaveAddresses gives up the addresses that a member has taken, but for one that he keeps; an empty one keeps none.
func (v *Vault) LeaveAddresses(ctx context.Context, org domain.Scope, user domain.UserID, keep string) error {
	var kept []byte
	if keep != "" {
		var err error
		if kept, err = v.digest(ctx, org, keep); err != nil {
			return err
		}
	}
	_, err := v.db.Exec(ctx, `DELETE FROM vault.address WHERE tenant = $1 AND user_id = $2 AND digest IS DISTINCT FROM $3`, org.Tenant, user, kept)
	return err
}

// digest tells nothing without the key, and shows in no two organizations alike.
func (v *Vault) digest(ctx context.Context, org domain.Scope, email string) ([]byte, error) {
	key, err := v.ownKey(ctx, "addresses")
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(string(org.Tenant) + "\x00" + string(org.Customer) + "\x00" + domain.Fold(email)))
	return h.Sum(nil), nil
}

// ownKey gives a key of the installation's own. It is made once, by whoever needs it first.
func (v *Vault) ownKey(ctx context.Context, name string) ([]byte, error) {
	if key, ok := v.own.Load(name); ok {
		return key.([]byte), nil
	}
	fresh := make([]byte, sha256.Size)
	_, _ = rand.Read(fresh) // never fails
	var key []byte
	err := v.durably(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO vault.own_key (name, key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT key FROM vault.own_key WHERE name = $1`, name).Scan(&key)
	})
	if err == nil {
		v.own.Store(name, key)
	}
	return key, err
}
