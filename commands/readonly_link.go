package commands

import (
	"context"
	"time"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/people"
)

// forever is the end of what has none.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// ActivateLink opens read-only access for a member by a secret, which is answered this once. One that he has had is dead.
func ActivateLink(ctx context.Context, h *Handler, rq Request, t domain.Tenant, u domain.UserID) (secret string, res Result, err error) {
	link := user.LinkID(rq.NewID("link").String())
	res, err = Do[user.State](ctx, h, rq, user.ActivateLink{Tenant: t, User: u, Link: link, At: rq.At})
	if err != nil {
		return "", res, err
	}
	secret, err = h.people.Issue(ctx, people.Link, people.Secret{Tenant: t, User: u, ID: string(link), ExpiresAt: forever})
	return secret, res, err
}

// DeactivateLink closes a member's read-only access.
func DeactivateLink(ctx context.Context, h *Handler, rq Request, c user.DeactivateLink) (Result, error) {
	res, err := Do(ctx, h, rq, c)
	if err != nil {
		return res, err
	}
	return res, h.people.Withdraw(ctx, c.Tenant, c.User, people.Link)
}

// FindLink tells as whom the holder of a read-only secret reads: with the reach of the member who opened the access, and no
// right but to read. The error is domain.ErrNotFound if the secret is good for nothing (any more).
func FindLink(ctx context.Context, h *Handler, secret string) (domain.Actor, error) {
	s, ok, err := h.people.Find(ctx, people.Link, secret)
	if err != nil {
		return domain.Actor{}, err
	}
	var reader domain.Actor
	if ok { // the log decides: a new link, or the member's end, is known to it at once
		err = Inspect(ctx, h, user.Stream(s.Tenant, s.User), func(m user.State, _ eventstore.Revision) {
			if ok = m.Active() && string(m.Link()) == s.ID && m.Role().Allows(domain.Read); !ok {
				return
			}
			reader = domain.Actor{Kind: domain.ActorUser, ID: string(s.User), Role: domain.ResellerReadOnly, Tenant: s.Tenant}
			if reader.Customer = m.Scope().Customer; reader.Customer != "" {
				reader.Role = domain.CustomerReadOnly
			}
		})
	}
	if err == nil && !ok {
		err = domain.ErrNotFound
	}
	return reader, err
}
