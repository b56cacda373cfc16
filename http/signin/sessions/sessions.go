// Package sessions keeps who is signed in. A session is a row in the Postgres schema vault, found by the hash of a random
// value that only the browser's cookie holds.
package sessions

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/domain/session"
)

//go:embed schema.sql
var schema string

// How long a session holds: Idle without being used, Lifetime in any case.
const (
	Idle     = 30 * time.Minute
	Lifetime = 12 * time.Hour
)

// keep is how long rows of sessions stay that hold no longer.
const keep = 30 * 24 * time.Hour

// ErrNone says that nobody is signed in with this cookie: it is malformed, unknown, ended, or its time is over.
var ErrNone = errors.New("no such session")

// Session is what is known of one, besides the cookie's value.
type Session struct {
	ID        uuid.UUID
	Person    domain.PersonID
	User      domain.UserID // his membership of the organization
	Tenant    domain.Tenant
	Customer  domain.CustomerID // empty for the whole tenant
	Role      domain.Role
	Method    session.Method
	Browser   string
	CreatedAt time.Time
	UsedAt    time.Time // to the minute
	ExpiresAt time.Time
}

// As is the actor that the session stands for: the person, in the organization that he has turned to.
func (s Session) As() domain.Actor {
	return domain.Actor{Kind: domain.ActorUser, ID: string(s.User), Role: s.Role, Tenant: s.Tenant, Customer: s.Customer}
}

// Vault keeps sessions. It is safe for concurrent use.
type Vault struct {
	db    *pgxpool.Pool
	now   func() time.Time
	cache *lru.Cache[hash, cached]
}

// New makes the table if it is not there yet. The pool must be allowed to write.
func New(ctx context.Context, db *pgxpool.Pool, now func() time.Time) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	cache, err := lru.New[hash, cached](10_000)
	return &Vault{db: db, now: now, cache: cache}, err
}

// Begin keeps a new session, whose ID is the caller's, and answers the value for the cookie, which is stored nowhere.
// ExpiresAt may be given, so that a session that follows another one holds no longer than that.
func (v *Vault) Begin(ctx context.Context, s Session) (Session, string, error) {
	now := domain.Instant(v.now())
	s.CreatedAt, s.UsedAt = now, now.Truncate(time.Minute)
	if s.ExpiresAt.IsZero() {
		s.ExpiresAt = now.Add(Lifetime)
	}
	const enough = 200
	s.Browser = strings.ToValidUTF8(s.Browser[:min(len(s.Browser), enough)], "")
	secret := newSecret()
	h, _ := hashOf(secret)
	_, err := v.db.Exec(ctx, `
		INSERT INTO vault.session (id, hash, person, user_id, tenant, customer, role, method, browser, created_at, used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.ID, h[:], s.Person, s.User, s.Tenant, s.Customer, s.Role, s.Method, s.Browser, s.CreatedAt, s.UsedAt, s.ExpiresAt)
	return s, secret, err
}

// Of lists the sessions of a person that hold, newest first.
func (v *Vault) Of(ctx context.Context, person domain.PersonID) ([]Session, error) {
	now := v.now()
	rows, err := v.db.Query(ctx, selectSession+`WHERE person = $1 AND ended_at IS NULL AND expires_at > $2 AND used_at > $3
		ORDER BY created_at DESC, id LIMIT 500`, person, now, now.Add(-Idle-time.Minute))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// End ends a session of a person, in other processes within the life of their caches. It answers what ended; the error is
// domain.ErrNotFound if there was none.
func (v *Vault) End(ctx context.Context, person domain.PersonID, id uuid.UUID) (Session, error) {
	ended, err := v.end(ctx, `person = $2 AND id = $3`, person, id)
	if err == nil && len(ended) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Session{}, err
	}
	return ended[0], nil
}

// EndAll ends the sessions of a person but one, which may be uuid.Nil.
func (v *Vault) EndAll(ctx context.Context, person domain.PersonID, but uuid.UUID) ([]Session, error) {
	return v.end(ctx, `person = $2 AND id <> $3`, person, but)
}

// EndMember ends the sessions in which a member of an organization acts.
func (v *Vault) EndMember(ctx context.Context, t domain.Tenant, u domain.UserID) ([]Session, error) {
	return v.end(ctx, `tenant = $2 AND user_id = $3`, t, u)
}

func (v *Vault) end(ctx context.Context, which string, args ...any) ([]Session, error) {
	rows, err := v.db.Query(ctx, `UPDATE vault.session SET ended_at = $1 WHERE `+which+` AND ended_at IS NULL RETURNING hash, `+columns,
		append([]any{v.now()}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Session, err error) {
		var h []byte
		if err = row.Scan(append([]any{&h}, s.fields()...)...); err == nil {
			v.cache.Remove(hash(h))
		}
		return s.inUTC(), err
	})
}

// Clear removes rows that have been of no use for long.
func (v *Vault) Clear(ctx context.Context) error {
	_, err := v.db.Exec(ctx, `DELETE FROM vault.session WHERE expires_at < $1`, v.now().Add(-keep))
	return err
}

const (
	columns       = `id, person, user_id, tenant, customer, role, method, browser, created_at, used_at, expires_at`
	selectSession = `SELECT ` + columns + ` FROM vault.session `
)

func (s *Session) fields() []any {
	return []any{&s.ID, &s.Person, &s.User, &s.Tenant, &s.Customer, &s.Role, &s.Method, &s.Browser, &s.CreatedAt, &s.UsedAt, &s.ExpiresAt}
}

func (s Session) inUTC() Session {
	s.CreatedAt, s.UsedAt, s.ExpiresAt = s.CreatedAt.UTC(), s.UsedAt.UTC(), s.ExpiresAt.UTC()
	return s
}

func scan(row pgx.CollectableRow) (s Session, err error) {
	err = row.Scan(s.fields()...)
	return s.inUTC(), err
}
