package tokens

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
)

// cacheLife is how long an answer of the database is trusted: what is revoked elsewhere still works for so long.
const cacheLife = 5 * time.Second

// cache keeps what the database said of a token, also that there is none, so that a flood of one wrong token costs
// nothing but hashing.
type cache struct {
	entries *lru.Cache[[sha256.Size]byte, cached]
}

type cached struct {
	token Token
	known bool
	until time.Time
}

func newCache() (*cache, error) {
	entries, err := lru.New[[sha256.Size]byte, cached](10_000)
	return &cache{entries}, err
}

func (c *cache) forget(hash [sha256.Size]byte) { c.entries.Remove(hash) }

// Authenticate tells whose token it is. The error is ErrUnauthorized if it is nobody's; any other one means that it could not
// be found out, so nobody may be let in.
func (v *Vault) Authenticate(ctx context.Context, secret string) (Token, error) {
	hash, ok := hashOf(secret)
	if !ok {
		return Token{}, ErrUnauthorized
	}
	now := v.now()
	c, ok := v.cache.entries.Get(hash)
	if !ok || !now.Before(c.until) {
		t, known, err := v.lookUp(ctx, hash, now)
		if err != nil {
			return Token{}, err
		}
		c = cached{t, known, now.Add(cacheLife)}
		v.cache.entries.Add(hash, c)
	}
	if !c.known || !now.Before(c.token.ExpiresAt) {
		return Token{}, ErrUnauthorized
	}
	return c.token, nil
}

// lookUp finds a token by its hash, so nothing can be learned from how long it takes. It notes the use, at most once a minute.
func (v *Vault) lookUp(ctx context.Context, hash [sha256.Size]byte, now time.Time) (t Token, known bool, err error) {
	rows, err := v.db.Query(ctx, selectToken+`WHERE hash = $1 AND revoked_at IS NULL`, hash[:])
	if err != nil {
		return t, false, err
	}
	t, err = pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, err
	}
	if now.Sub(t.LastUsedAt) > time.Minute {
		_, err = v.db.Exec(ctx, `UPDATE vault.api_token SET last_used_at = date_trunc('minute', $2::timestamptz) WHERE id = $1`, t.ID, now)
	}
	return t, true, err
}
