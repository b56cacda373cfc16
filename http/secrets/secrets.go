// Package secrets keeps what configuration profiles refer to and the log must not hold, in the Postgres schema vault: the
// password of a proxy, which devices need as it is, and the hash of the password that locks a client's settings. Each is sealed.
package secrets

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/domain/profile"
	"avportal/http/vault"
)

//go:embed schema.sql
var schema string

// ErrUnknown says that there is no such secret, or no longer.
var ErrUnknown = errors.New("no such secret")

// Vault keeps secrets. It is safe for concurrent use.
type Vault struct {
	db  *pgxpool.Pool
	key *vault.Key
}

// New makes the table if it is not there yet. The pool must be allowed to write.
func New(ctx context.Context, db *pgxpool.Pool, key *vault.Key) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	v := &Vault{db: db, key: key}
	return v, v.sealOld(ctx)
}

// IDFor names a secret that an intent brings with it, so that a repetition keeps the same one.
func IDFor(intent uuid.UUID, what string) profile.SecretID {
	return profile.SecretID(uuid.NewSHA1(intent, []byte("secret "+what)).String())
}

// Keep stores a secret of a profile. An id that is there keeps the secret that it has.
func (v *Vault) Keep(ctx context.Context, t domain.Tenant, p domain.ProfileID, id profile.SecretID, value string) error {
	sealed := v.key.Seal(about(t, id), []byte(value))
	_, err := v.db.Exec(ctx, `INSERT INTO vault.profile_secret (tenant, id, profile, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, t, id, p, sealed)
	return wrap(err)
}

// Copy lets another profile have a secret by an id of its own.
func (v *Vault) Copy(ctx context.Context, t domain.Tenant, from, to profile.SecretID, p domain.ProfileID) error {
	value, err := v.Reveal(ctx, t, from)
	if err != nil {
		return err
	}
	return v.Keep(ctx, t, p, to, value)
}

// Reveal answers a secret.
func (v *Vault) Reveal(ctx context.Context, t domain.Tenant, id profile.SecretID) (string, error) {
	var sealed []byte
	err := v.db.QueryRow(ctx, `SELECT sealed FROM vault.profile_secret WHERE tenant = $1 AND id = $2`, t, id).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrUnknown
	}
	if err != nil {
		return "", wrap(err)
	}
	value, err := v.key.Open(about(t, id), sealed)
	return string(value), wrap(err)
}

// about ties what is sealed to its place: in another row it does not open.
func about(t domain.Tenant, id profile.SecretID) string { return fmt.Sprintf("secret %s of %s", id, t) }

// Forget drops the secrets of a profile that has been deleted.
func (v *Vault) Forget(ctx context.Context, t domain.Tenant, p domain.ProfileID) error {
	_, err := v.db.Exec(ctx, `DELETE FROM vault.profile_secret WHERE tenant = $1 AND profile = $2`, t, p)
	return wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return nil
}
