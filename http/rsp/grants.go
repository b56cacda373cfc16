package rsp

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/http/vault"
)

//go:embed schema.sql
var schema string

// grants keeps what resellers have granted, sealed.
type grants struct {
	db    *pgxpool.Pool
	key   *vault.Key
	party *RelyingParty
	now   func() time.Time
}

func about(t domain.Tenant) string { return "grant of " + string(t) }

// keep replaces what a reseller has granted: the last one who signed in is the one in whose name is read.
func (g *grants) keep(ctx context.Context, tenant domain.Tenant, person domain.PersonID, granted Grant) error {
	if granted.Refresh == "" {
		return nil // it would be of no use by tomorrow; an older one may be
	}
	sealed, err := g.seal(tenant, granted)
	if err != nil {
		return err
	}
	_, err = g.db.Exec(ctx, `INSERT INTO vault.rsp_grant (tenant, person, sealed, expires_at, granted_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant) DO UPDATE SET person = $2, sealed = $3, expires_at = $4, granted_at = $5`,
		tenant, person, sealed, granted.Expiry, g.now())
	return err
}

// client gives access in the name of a reseller. The grant is renewed if it must be, by one portal at a time, since the
// Reseller Portal may accept a refresh token once. The error is ErrNotConnected if there is no grant that holds.
func (g *grants) client(ctx context.Context, tenant domain.Tenant) (c client, err error) {
	var granted Grant
	refused := false
	err = pgx.BeginFunc(ctx, g.db, func(tx pgx.Tx) error {
		var sealed []byte
		err := tx.QueryRow(ctx, `SELECT sealed, expires_at FROM vault.rsp_grant WHERE tenant = $1 AND sealed IS NOT NULL FOR UPDATE`, tenant).
			Scan(&sealed, &granted.Expiry)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotConnected
		}
		if err != nil {
			return err
		}
		if granted, err = g.open(tenant, sealed, granted.Expiry); err != nil {
			return errors.Join(ErrNotConnected, err)
		}
		const enough = time.Minute
		if g.now().Add(enough).Before(granted.Expiry) {
			return nil
		}
		renewed, err := g.party.Refresh(ctx, granted.Refresh)
		if errors.Is(err, errRefused) {
			refused = true
			_, err = tx.Exec(ctx, `UPDATE vault.rsp_grant SET sealed = NULL WHERE tenant = $1`, tenant)
			return err
		}
		if err != nil {
			return err
		}
		granted = renewed
		if sealed, err = g.seal(tenant, granted); err != nil {
			return err
		}
		_, err = tx.Exec(context.WithoutCancel(ctx), `UPDATE vault.rsp_grant SET sealed = $2, expires_at = $3 WHERE tenant = $1`, tenant, sealed, granted.Expiry)
		return err
	})
	if err == nil && refused {
		err = ErrNotConnected
	}
	return g.party.with(granted.Access), err
}

// connected reports whether a reseller has granted access that is not known to be refused.
func (g *grants) connected(ctx context.Context, tenant domain.Tenant) (yes bool, err error) {
	err = g.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM vault.rsp_grant WHERE tenant = $1 AND sealed IS NOT NULL)`, tenant).Scan(&yes)
	return yes, err
}

// ForgetGrant deletes what a person has granted for a reseller. Somebody else must sign in through the Reseller Portal before
// customers and licenses are taken over again.
func ForgetGrant(ctx context.Context, db *pgxpool.Pool, tenant domain.Tenant, person domain.PersonID) error {
	_, err := db.Exec(ctx, `DELETE FROM vault.rsp_grant WHERE tenant = $1 AND person = $2`, tenant, person)
	return err
}

type secrets struct{ Access, Refresh string }

func (g *grants) seal(tenant domain.Tenant, granted Grant) ([]byte, error) {
	plain, err := json.Marshal(secrets{granted.Access, granted.Refresh})
	return g.key.Seal(about(tenant), plain), err
}

func (g *grants) open(tenant domain.Tenant, sealed []byte, expiry time.Time) (Grant, error) {
	plain, err := g.key.Open(about(tenant), sealed)
	if err != nil {
		return Grant{}, err
	}
	var s secrets
	if err := json.Unmarshal(plain, &s); err != nil {
		return Grant{}, fmt.Errorf("rsp: a grant is damaged")
	}
	return Grant{Access: s.Access, Refresh: s.Refresh, Expiry: expiry}, nil
}
