package people

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/eventstore"
)

var _ eventstore.Keyring = (*Vault)(nil)

const (
	// keyLife is how long a key is trusted in memory: one that another process has destroyed opens nothing after that.
	keyLife = 5 * time.Second
	// keysKept bounds the keys in memory.
	keysKept = 20_000
)

type keyCache struct {
	entries *lru.Cache[domain.Subject, cachedKey]
}

type cachedKey struct {
	key   eventstore.Key
	known bool // false: destroyed
	until time.Time
}

func newKeyCache() (*keyCache, error) {
	entries, err := lru.New[domain.Subject, cachedKey](keysKept)
	return &keyCache{entries}, err
}

// Seal implements eventstore.Keyring. A new key is on disk before anything is sealed with it.
func (v *Vault) Seal(ctx context.Context, s domain.Subject) (eventstore.Key, error) {
	if key, ok, err := v.Open(ctx, s); ok || err != nil {
		return key, err
	}
	var fresh eventstore.Key
	_, _ = rand.Read(fresh[:]) // never fails
	err := v.durably(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO vault.subject_key (subject, key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, s, fresh[:])
		return err
	})
	if err != nil {
		return eventstore.Key{}, err
	}
	key, ok, err := v.Open(ctx, s) // another process may have been quicker, or the person is erased
	if err == nil && !ok {
		err = eventstore.ErrErased
	}
	return key, err
}

// Open implements eventstore.Keyring.
func (v *Vault) Open(ctx context.Context, s domain.Subject) (key eventstore.Key, ok bool, err error) {
	now := v.now()
	if c, there := v.keys.entries.Get(s); there && now.Before(c.until) {
		return c.key, c.known, nil
	}
	var stored []byte
	err = v.db.QueryRow(ctx, `SELECT key FROM vault.subject_key WHERE subject = $1`, s).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) { // not remembered: the key may be made the next moment, by another process
		return key, false, nil
	}
	if err != nil {
		return key, false, err
	}
	c := cachedKey{known: len(stored) == len(key), until: now.Add(keyLife)}
	copy(c.key[:], stored)
	v.keys.entries.Add(s, c)
	return c.key, c.known, nil
}

// Destroy makes everything that is sealed with a person's key unreadable, for good, in other processes within the life of
// their caches. It may be repeated.
func (v *Vault) Destroy(ctx context.Context, s domain.Subject) error {
	var destroyed bool
	err := v.durably(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO vault.subject_key (subject, key, destroyed_at) VALUES ($1, NULL, $2)
			ON CONFLICT (subject) DO UPDATE SET key = NULL, destroyed_at = excluded.destroyed_at WHERE subject_key.key IS NOT NULL`,
			s, v.now())
		destroyed = tag.RowsAffected() > 0
		return err
	})
	v.keys.entries.Remove(s)
	if err == nil && destroyed {
		// An updated row leaves the old one in the table's file. Erasures are rare and the table is small: write it anew.
		_, err = v.db.Exec(ctx, `VACUUM FULL vault.subject_key`)
	}
	return err
}
