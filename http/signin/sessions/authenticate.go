package sessions

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// cacheLife is how long an answer of the database is trusted: a session that was ended elsewhere still holds for so long.
const cacheLife = 4 * time.Second

type hash = [sha256.Size]byte

type cached struct {
	session Session
	known   bool
	until   time.Time
}

// Authenticate tells whose session it is. The error is ErrNone if it is nobody's; any other one means that it could not be
// found out, so nobody may be let in.
func (v *Vault) Authenticate(ctx context.Context, secret string) (Session, error) {
	h, ok := hashOf(secret)
	if !ok {
		return Session{}, ErrNone
	}
	now := v.now()
	c, ok := v.cache.Get(h)
	if !ok || !now.Before(c.until) {
		s, known, err := v.lookUp(ctx, h, now)
		if err != nil {
			return Session{}, err
		}
		c = cached{s, known, now.Add(cacheLife)}
		v.cache.Add(h, c)
	}
	if !c.known || !now.Before(c.session.ExpiresAt) {
		return Session{}, ErrNone
	}
	return c.session, nil
}

// lookUp finds a session by its hash, so nothing can be learned from how long it takes. It notes the use, at most once a
// minute, which gives an idle session up to a minute more.
func (v *Vault) lookUp(ctx context.Context, h hash, now time.Time) (s Session, known bool, err error) {
	rows, err := v.db.Query(ctx, selectSession+`WHERE hash = $1 AND ended_at IS NULL`, h[:])
	if err != nil {
		return s, false, err
	}
	s, err = pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	unused := now.Sub(s.UsedAt)
	if unused > Idle+time.Minute {
		return s, false, nil
	}
	if unused > time.Minute {
		_, err = v.db.Exec(ctx, `UPDATE vault.session SET used_at = date_trunc('minute', $2::timestamptz) WHERE id = $1`, s.ID, now)
	}
	return s, true, err
}
