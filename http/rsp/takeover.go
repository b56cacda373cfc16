package rsp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/license"
)

// idFor names a command by what it is about, so that the same one again is a replay.
func idFor(tenant domain.Tenant, what string) uuid.UUID {
	return uuid.NewSHA1(space, []byte(string(tenant)+" "+what))
}

// takeover brings customers and licenses over, as part of one intent.
type takeover struct {
	h      *commands.Handler
	tenant domain.Tenant
	id     uuid.UUID
	actor  domain.Actor
	at     time.Time
}

// request is that of one customer's or license's command. Its id follows from the intent and from what the Reseller Portal
// says of it: said again, it is a replay. It is an activity of its own, which people find with the license that it is about.
func (t takeover) request(kind string, said any) (commands.Request, error) {
	content, err := json.Marshal(said)
	return commands.Request{
		Actor: t.actor, At: t.at, ID: uuid.NewSHA1(t.id, append([]byte(kind+" "), content...)), Causation: t.id,
	}, err
}

func (t takeover) account(ctx context.Context, a Account) (commands.Result, error) {
	rq, err := t.request("account", a)
	if err != nil {
		return commands.Result{}, err
	}
	return commands.Do[customer.State](ctx, t.h, rq, customer.Import{
		Tenant: t.tenant, Customer: domain.CustomerID(idOf(t.tenant, "account", a.ID)), Name: a.Name, Number: a.Number, At: t.at,
	})
}

func (t takeover) license(ctx context.Context, l License) (commands.Result, error) {
	rq, err := t.request("license", l)
	if err != nil {
		return commands.Result{}, err
	}
	id := domain.LicenseID(idOf(t.tenant, "license", l.ID))
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return commands.ImportLicense(ctx, t.h, rq, license.Import{
		Tenant: t.tenant, License: id, Customer: domain.CustomerID(idOf(t.tenant, "account", l.Account)), Name: l.Name,
		Key: domain.NewTID(t.tenant, id, random), Kind: license.Kind(l.Kind), Seats: l.Seats, TermYears: l.TermYears,
		ValidFrom: l.ValidFrom, ValidUntil: l.ValidUntil, At: t.at,
	})
}

// RefreshLicense reads one license anew, which the caller has made sure that the actor may see.
func (p *Portal) RefreshLicense(ctx context.Context, rq commands.Request, id domain.LicenseID) (commands.Result, error) {
	if !p.Configured() {
		return commands.Result{}, ErrNotConfigured
	}
	tenant := rq.Actor.Tenant
	c, err := p.grants.client(ctx, tenant)
	if err != nil {
		return commands.Result{}, err
	}
	l, err := c.license(ctx, string(id))
	if err != nil {
		return commands.Result{}, connection(err)
	}
	return takeover{h: p.Commands, tenant: tenant, id: rq.ID, actor: actorFor(tenant, rq.Actor.ID), at: rq.At}.license(ctx, l)
}

// actorFor is who takes over, for a person if one has asked for it.
func actorFor(tenant domain.Tenant, person string) domain.Actor {
	a := domain.SystemActor(ActorName, tenant)
	a.OnBehalfOf = person
	return a
}
