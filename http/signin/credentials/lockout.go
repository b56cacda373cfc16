package credentials

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
)

// After so many attempts in a row that failed, each further one must wait: a minute, then twice as long each time.
const (
	freeAttempts        = 5  // for one account
	freeAddressAttempts = 30 // from one address, which many people may share
	firstLock           = time.Minute
	longestLock         = 15 * time.Minute
	forgiven            = 24 * time.Hour // without an attempt
)

// ErrLocked says that there were too many attempts. It is said of accounts that there are not as well.
var ErrLocked = &domain.Error{Class: domain.Unavailable, Code: "too_many_attempts", Message: "Too many attempts. Wait a quarter of an hour."}

// charge counts an attempt before it is made, and sets until when the next one must wait, in one statement, so that many at
// once are no way around. The error is ErrLocked if this one may not be made.
func (v *Vault) charge(ctx context.Context, key []byte, free int) error {
	now := v.now()
	var passes bool
	err := v.db.QueryRow(ctx, `
		INSERT INTO vault.sign_in_failure AS f (key, failures, locked_until, at) VALUES ($1, 1, 'epoch', $2)
		ON CONFLICT (key) DO UPDATE SET at = $2,
			failures = CASE WHEN f.at < $3 THEN 1 ELSE f.failures + 1 END,
			locked_until = CASE WHEN f.at < $3 OR f.failures + 1 < $4 THEN 'epoch'
				ELSE $2::timestamptz + LEAST($6::interval, $5::interval * power(2, LEAST(f.failures + 1 - $4, 10))) END
			WHERE f.locked_until <= $2
		RETURNING true`, key, now, now.Add(-forgiven), free, firstLock, longestLock).Scan(&passes)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrLocked
	}
	return err
}

// forgive forgets the failed attempts, after a good one.
func (v *Vault) forgive(ctx context.Context, key []byte) error {
	_, err := v.db.Exec(ctx, `DELETE FROM vault.sign_in_failure WHERE key = $1`, key)
	return err
}

func (v *Vault) loginKey(email string) []byte { return v.key.Digest("login", normal(email)) }

func (v *Vault) addressKey(address string) []byte { return v.key.Digest("address", address) }
