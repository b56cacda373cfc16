package rsp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/http/vault"
)

// ActorName is who takes customers and licenses over, in the action log.
const ActorName = "reseller portal"

// Deps is what a Portal works with.
type Deps struct {
	DB       *pgxpool.Pool
	Key      *vault.Key
	Commands *commands.Handler
	Now      func() time.Time
	Log      *slog.Logger
	Go       func(func(context.Context)) // runs in the background until the process closes
}

// Portal is the Reseller Portal as we know it: who has authorized us, and what was taken over.
type Portal struct {
	*RelyingParty
	Deps
	grants *grants
}

// New makes the tables if they are not there yet.
func New(ctx context.Context, c Config, d Deps) (*Portal, error) {
	if _, err := d.DB.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	party := NewRelyingParty(c)
	return &Portal{RelyingParty: party, Deps: d, grants: &grants{db: d.DB, key: d.Key, party: party, now: d.Now}}, nil
}

// Issuer is the Reseller Portal's.
func (p *Portal) Issuer() string { return p.config.Issuer }

// Configured reports whether there is a Reseller Portal.
func (p *Portal) Configured() bool { return p.config.Configured() }

// Connect keeps what somebody has granted, registers the reseller if he is new, and takes over what has not been taken over
// for a day.
func (p *Portal) Connect(ctx context.Context, tenant domain.Tenant, r Reseller, language string, person domain.PersonID, g Grant) error {
	if err := p.register(ctx, tenant, r, language); err != nil {
		return err
	}
	if err := p.grants.keep(ctx, tenant, person, g); err != nil {
		return err
	}
	now := p.Now()
	var due time.Time
	err := p.DB.QueryRow(ctx, `INSERT INTO vault.rsp_sync (tenant, due_at) VALUES ($1, $2)
		ON CONFLICT (tenant) DO UPDATE SET due_at = rsp_sync.due_at RETURNING due_at`, tenant, now).Scan(&due)
	if err != nil || due.After(now) {
		return err
	}
	return p.begin(ctx, job{tenant: tenant, trigger: triggerSignIn})
}

// register makes a reseller known that comes for the first time. The name that he has here already stays.
func (p *Portal) register(ctx context.Context, tenant domain.Tenant, r Reseller, language string) error {
	known := false
	err := commands.Inspect(ctx, p.Commands, reseller.Stream(tenant), func(s reseller.State, _ eventstore.Revision) { known = s.Exists() })
	if err != nil || known {
		return err
	}
	speaks := reseller.German
	if language == string(reseller.English) {
		speaks = reseller.English
	}
	now := p.Now()
	_, err = commands.Do[reseller.State](ctx, p.Commands, commands.Request{
		Actor: domain.SystemActor(ActorName, tenant), At: now, ID: idFor(tenant, "register"),
	}, reseller.Register{Tenant: tenant, Name: r.Name, Language: speaks, At: now})
	return err
}
