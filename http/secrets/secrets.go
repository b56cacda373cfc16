// Package secrets keeps what configuration profiles refer to and the log must not hold, in the Postgres schema vault: the
// password of a proxy, which devices need as it is, and the hash of the password that locks a client's settings.
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
)

//go:embed schema.sql
var schema string

// ErrUnknown says that there is no such secret, or no longer.
var ErrUnknown = errors.New("no such secret")

// Vault keeps secrets. It is safe for concurrent use.
type Vault struct{ db *pgxpool.Pool }

// New makes the table if it is not there yet. The pool must be allowed to write.
func New(ctx context.Context, db *pgxpool.Pool) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	return &Vault{db: db}, nil
}

// IDFor names a secret that an intent brings with it, so that a repetition keeps the same one.
func IDFor(intent uuid.UUID, what string) profile.SecretID {
	return profile.SecretID(uuid.NewSHA1(intent, []byte("secret "+what)).String())
}

// Keep stores a secret of a profile. An id that is there keeps the secret that it has.
func (v *Vault) Keep(ctx context.Context, t domain.Tenant, p domain.ProfileID, id profile.SecretID, value string) error {
	_, err := v.db.Exec(ctx, `INSERT INTO vault.profile_secret (tenant, id, profile, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, t, id, p, value)
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
func (v *Vault) Reveal(ctx context.Context, t domain.Tenant, id profile.SecretID) (value string, err error) {
	err = v.db.QueryRow(ctx, `SELECT value FROM vault.profile_secret WHERE tenant = $1 AND id = $2`, t, id).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrUnknown
	}
	return value, wrap(err)
}

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
