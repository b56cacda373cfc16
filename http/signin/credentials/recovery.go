package credentials

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
)

const (
	freeRecoveries        = 3  // requests in a row for one account, before each further one must wait
	freeAddressRecoveries = 20 // from one address
)

// ErrRecovery says that a link for a new password is good for nothing, and not why.
var ErrRecovery = &domain.Error{Class: domain.NotFound, Code: "recovery_invalid", Message: "This link is not valid any more. Ask for a new one."}

// ChargeRecovery counts a request for a new password, whether there is such an account or not. The error is ErrLocked if there were
// too many.
func (v *Vault) ChargeRecovery(ctx context.Context, email, address string) error {
	return errors.Join(
		v.charge(ctx, v.key.Digest("recovery from", address), freeAddressRecoveries),
		v.charge(ctx, v.key.Digest("recovery of", normal(email)), freeRecoveries))
}

// SignsInBy reports whether an address is that by which a person signs in.
func (v *Vault) SignsInBy(ctx context.Context, person domain.PersonID, email string) (bool, error) {
	known, err := v.PersonOf(ctx, email)
	return known != "" && known == person, err
}

// IssueRecovery makes the secret by which a person replaces his password, once. It follows from the request that it is about, so
// a mail that is sent again has the same one. It reports false if it was used, or another has taken its place.
func (v *Vault) IssueRecovery(ctx context.Context, person domain.PersonID, request string, expires time.Time) (secret string, holds bool, err error) {
	secret = base64.RawURLEncoding.EncodeToString(v.key.Digest("password recovery", request))
	hash := sha256.Sum256([]byte(secret))
	err = v.db.QueryRow(ctx, `
		WITH issued AS (
			INSERT INTO vault.password_recovery AS r (person, hash, expires_at) SELECT person, $2, $3 FROM vault.account WHERE person = $1
			ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at, used = false WHERE r.expires_at < excluded.expires_at
			RETURNING true)
		SELECT EXISTS (SELECT FROM issued) OR EXISTS (SELECT FROM vault.password_recovery WHERE person = $1 AND hash = $2 AND NOT used)`,
		person, hash[:], expires).Scan(&holds)
	return secret, holds, err
}

// Recover replaces the password of the person whose secret it is, and tells who he is. Of many who try at once one succeeds.
func (v *Vault) Recover(ctx context.Context, secret, password string, note func(domain.PersonID) Note) (person domain.PersonID, err error) {
	sum := sha256.Sum256([]byte(secret))
	if err := CheckPassword(password, ""); err != nil {
		return "", err
	}
	var login []byte
	err = v.db.QueryRow(ctx, `SELECT person, login FROM vault.password_recovery JOIN vault.account USING (person) WHERE hash = $1 AND NOT used AND expires_at > $2`,
		sum[:], v.now()).Scan(&person, &login)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrRecovery
	}
	if err != nil {
		return "", err
	}
	hash, err := v.hasher.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = v.change(ctx, note(person), ErrRecovery, `
		WITH used AS (UPDATE vault.password_recovery SET used = true WHERE hash = $1 AND NOT used AND expires_at > $2 RETURNING person)
		UPDATE vault.account a SET password = $3, password_at = $2 FROM used WHERE a.person = used.person`, sum[:], v.now(), hash)
	if err != nil {
		return "", err
	}
	return person, v.forgive(ctx, login) // whoever was locked out may try the new one
}
