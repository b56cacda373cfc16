package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
)

// SecretKind is what a secret is good for.
type SecretKind string

// The kinds of secrets there are.
const (
	Invitation SecretKind = "invitation"
	Link       SecretKind = "link" // read-only access
)

// Secret is what is known of a secret, besides itself. Whether it still holds is for the log to say as well.
type Secret struct {
	Tenant    domain.Tenant
	User      domain.UserID
	ID        string // what the log calls it; may be empty
	ExpiresAt time.Time
}

// Issue makes a secret of 256 random bits for a member, in place of the one of this kind that he has. Only its hash is kept.
func (v *Vault) Issue(ctx context.Context, kind SecretKind, s Secret) (secret string, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	secret = base64.RawURLEncoding.EncodeToString(random)
	return secret, v.Keep(ctx, kind, s, secret)
}

// Keep is Issue for a secret that was made elsewhere and can't be guessed.
func (v *Vault) Keep(ctx context.Context, kind SecretKind, s Secret, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	_, err := v.db.Exec(ctx, `
		INSERT INTO vault.secret (kind, tenant, user_id, hash, id, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (kind, tenant, user_id) DO UPDATE SET hash = excluded.hash, id = excluded.id, expires_at = excluded.expires_at`,
		kind, s.Tenant, s.User, hash[:], s.ID, s.ExpiresAt)
	return err
}

// Find tells whose secret it is, if it is anybody's and its time is not over. It is found by its hash, so nothing can be learned
// from how long it takes.
func (v *Vault) Find(ctx context.Context, kind SecretKind, secret string) (s Secret, ok bool, err error) {
	hash := sha256.Sum256([]byte(secret))
	err = v.db.QueryRow(ctx, `SELECT tenant, user_id, id, expires_at FROM vault.secret WHERE kind = $1 AND hash = $2 AND expires_at > $3`,
		kind, hash[:], v.now()).Scan(&s.Tenant, &s.User, &s.ID, &s.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Secret{}, false, nil
	}
	s.ExpiresAt = s.ExpiresAt.UTC()
	return s, err == nil, err
}

// Withdraw ends the secrets of the given kinds that a member has.
func (v *Vault) Withdraw(ctx context.Context, t domain.Tenant, u domain.UserID, kinds ...SecretKind) error {
	_, err := v.db.Exec(ctx, `DELETE FROM vault.secret WHERE tenant = $1 AND user_id = $2 AND kind = ANY($3)`, t, u, kinds)
	return err
}
