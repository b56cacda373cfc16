// Package tokens keeps API tokens: who may call the API as whom, and until when. Only hashes are stored, in the Postgres
// schema vault.
package tokens

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
)

//go:embed schema.sql
var schema string

// MaxLifetime and DefaultLifetime bound how long a token holds.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 365 * 24 * time.Hour
)

// ErrUnauthorized says that nobody calls with this token: it is malformed, unknown, expired or revoked.
var ErrUnauthorized = errors.New("no such token")

// ErrExists says that a token with this id was made before; its secret can't be shown again.
var ErrExists = &domain.Error{Class: domain.Conflict, Code: "token_exists", Message: "This Idempotency-Key has made a token already. Its secret was shown then."}

// Token is what is known of a token, besides its secret.
type Token struct {
	ID         uuid.UUID
	Name       string
	Actor      string // who acts by it, in the action log
	Role       domain.Role
	Tenant     domain.Tenant     // empty for who runs the installation
	Customer   domain.CustomerID // empty for the whole tenant
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time // to the minute; zero for never
}

// As is the actor that the token stands for.
func (t Token) As() domain.Actor {
	return domain.Actor{Kind: domain.ActorUser, ID: t.Actor, Role: t.Role, Tenant: t.Tenant, Customer: t.Customer}
}

// Grant is a token to be made. ID and Actor may be left out: a fresh id, and "token-<id>".
type Grant struct {
	ID       uuid.UUID
	Name     string
	Actor    string
	Role     domain.Role
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Lifetime time.Duration // 0 means DefaultLifetime
}

// Vault keeps tokens. It is safe for concurrent use.
type Vault struct {
	db    *pgxpool.Pool
	now   func() time.Time
	cache *cache
}

// New makes the table if it is not there yet. The pool must be allowed to write.
func New(ctx context.Context, db *pgxpool.Pool, now func() time.Time) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	c, err := newCache()
	return &Vault{db: db, now: now, cache: c}, err
}

// Create makes a token and answers its secret, which is stored nowhere. The error may be ErrExists.
func (v *Vault) Create(ctx context.Context, g Grant) (Token, string, error) {
	name, err := domain.Name("/name", g.Name)
	if err != nil {
		return Token{}, "", err
	}
	if g.ID == uuid.Nil {
		g.ID = uuid.New()
	}
	if g.Actor == "" {
		g.Actor = "token-" + g.ID.String()
	}
	if g.Lifetime == 0 {
		g.Lifetime = DefaultLifetime
	}
	if g.Lifetime < 0 || g.Lifetime > MaxLifetime {
		return Token{}, "", domain.ErrInvalid.At("/days").With("A token holds for 1 to 365 days.")
	}
	now := domain.Instant(v.now())
	t := Token{
		ID: g.ID, Name: name, Actor: g.Actor, Role: g.Role, Tenant: g.Tenant, Customer: g.Customer,
		CreatedAt: now, ExpiresAt: now.Add(g.Lifetime),
	}
	secret := newSecret()
	hash, _ := hashOf(secret)
	_, err = v.db.Exec(ctx, `
		INSERT INTO vault.api_token (id, hash, tenant, customer, role, actor, name, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.ID, hash[:], t.Tenant, t.Customer, t.Role, t.Actor, t.Name, t.CreatedAt, t.ExpiresAt)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return Token{}, "", ErrExists
	}
	return t, secret, err
}

// Mark is a place in the list of tokens.
type Mark struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// List answers the tokens within a scope that are not revoked, newest first, after a mark (nil for the first page).
func (v *Vault) List(ctx context.Context, scope domain.Scope, after *Mark, limit int) ([]Token, error) {
	if after == nil {
		after = &Mark{CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	rows, err := v.db.Query(ctx, selectToken+`
		WHERE tenant = $1 AND ($2 = '' OR customer = $2) AND revoked_at IS NULL AND (created_at, id) < ($3, $4)
		ORDER BY created_at DESC, id DESC LIMIT $5`, scope.Tenant, scope.Customer, after.CreatedAt, after.ID, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// Revoke ends a token within a scope, in other processes within the life of their caches. The error is
// domain.ErrNotFound if there is none; one that is revoked already is none.
func (v *Vault) Revoke(ctx context.Context, scope domain.Scope, id uuid.UUID) error {
	var hash []byte
	err := v.db.QueryRow(ctx, `
		UPDATE vault.api_token SET revoked_at = $4
		WHERE id = $1 AND tenant = $2 AND ($3 = '' OR customer = $3) AND revoked_at IS NULL RETURNING hash`,
		id, scope.Tenant, scope.Customer, v.now()).Scan(&hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.ErrNotFound
	}
	if err == nil {
		v.cache.forget([32]byte(hash))
	}
	return err
}

const selectToken = `SELECT id, name, actor, role, tenant, customer, created_at, expires_at, last_used_at FROM vault.api_token `

func scan(row pgx.CollectableRow) (Token, error) {
	var t Token
	var used *time.Time
	err := row.Scan(&t.ID, &t.Name, &t.Actor, &t.Role, &t.Tenant, &t.Customer, &t.CreatedAt, &t.ExpiresAt, &used)
	if used != nil {
		t.LastUsedAt = used.UTC()
	}
	t.CreatedAt, t.ExpiresAt = t.CreatedAt.UTC(), t.ExpiresAt.UTC()
	return t, err
}
