package commands

import (
	"context"
	"errors"
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/team"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/people"
)

// People gives a handler the vault of people, without which it carries out no command on members.
func People(v *people.Vault) Option { return func(h *Handler) { h.people = v } }

// InvitationSecrets lets the secrets of invitations follow from what they are about, by a function whose results can't be guessed:
// a mail that is sent again has the same link in it.
func InvitationSecrets(secret func(about string) string) Option {
	return func(h *Handler) { h.invitation = secret }
}

// underWay is how long a command on a member may be between its two halves, the vault and the log.
const underWay = time.Minute

// takeAddress makes sure that no other member of an organization has the address. The vault says who took it, the log whether
// he has it still: whoever took it and came to nothing, or has left, must give way.
//
// The vault and not the log decides who is first, since what can be told from an address must not outlive an erasure.
func (h *Handler) takeAddress(ctx context.Context, rq Request, org domain.Scope, email string, u domain.UserID) error {
	holder, err := h.people.TakeAddress(ctx, org, email, u)
	if err != nil || holder.User == u {
		return err
	}
	uses := false
	err = Inspect(ctx, h, user.Stream(org.Tenant, holder.User), func(s user.State, _ eventstore.Revision) { uses = s.Uses(org, email) })
	switch {
	case err != nil:
		return err
	case uses:
		return user.ErrEmailTaken
	case rq.At.Sub(holder.Since) < underWay:
		return errAddressBusy
	}
	passed, err := h.people.PassAddress(ctx, org, email, holder.User, u)
	if err == nil && !passed {
		err = errAddressBusy
	}
	return err
}

var errAddressBusy = domain.ErrBusy.With("Somebody is giving this address to a user just now. Repeat in a minute.")

// knownOrganization refuses one that is not there or not within the actor's reach.
func (h *Handler) knownOrganization(ctx context.Context, rq Request, org domain.Scope) error {
	known := rq.Actor.Sees(org)
	if known && org.Customer != "" {
		err := Inspect(ctx, h, customer.Stream(org.Tenant, org.Customer), func(s customer.State, _ eventstore.Revision) { known = s.Exists() })
		if err != nil {
			return err
		}
	}
	if !known {
		return domain.ErrNotFound
	}
	return nil
}

// changeStanding carries out a command that may make a member an administrator of the reseller, or end that. Who ends to be one
// leaves the team first, where the last is refused.
func (h *Handler) changeStanding(ctx context.Context, rq Request, u domain.UserID, c domain.Command[user.State]) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	var before, after bool
	var refusal error
	err := Inspect(ctx, h, c.Stream(), func(s user.State, _ eventstore.Revision) {
		if refusal = domain.ErrNotFound; !s.Exists() || !rq.Actor.Sees(s.Scope()) {
			return
		}
		var events []domain.Event
		if events, refusal = c.Decide(s); refusal != nil {
			return
		}
		before = s.Administers()
		for _, e := range events {
			s = s.Evolve(e)
		}
		after = s.Administers()
	})
	if err = errors.Join(err, refusal); err != nil {
		return Result{}, err
	}
	tenant := c.Stream().Tenant
	if before && !after {
		if err := h.leaveTeam(ctx, rq, tenant, u); err != nil {
			return Result{}, err
		}
	}
	res, err := Do(ctx, h, rq, c)
	return res, errors.Join(err, h.settleTeam(ctx, rq, tenant, u))
}

// leaveTeam takes an administrator out of the team. He joins first if that was never done, so that the last is always noticed.
func (h *Handler) leaveTeam(ctx context.Context, rq Request, t domain.Tenant, u domain.UserID) error {
	rq = asPortal(rq, t)
	if _, err := Do[team.State](ctx, h, rq.step(), team.Join{Tenant: t, User: u, At: rq.At}); err != nil {
		return err
	}
	_, err := Do[team.State](ctx, h, rq.step(), team.Leave{Tenant: t, User: u, At: rq.At})
	return err
}

// settleTeam brings the team in line with what a member is. It is harmless to repeat.
func (h *Handler) settleTeam(ctx context.Context, rq Request, t domain.Tenant, u domain.UserID) error {
	var is, joined bool
	err := Inspect(ctx, h, user.Stream(t, u), func(s user.State, _ eventstore.Revision) { is = s.Administers() })
	if err == nil {
		err = Inspect(ctx, h, team.Stream(t), func(s team.State, _ eventstore.Revision) { joined = s.Has(u) })
	}
	rq = asPortal(rq, t)
	switch {
	case err != nil:
		return err
	case is && !joined:
		_, err = Do[team.State](ctx, h, rq.step(), team.Join{Tenant: t, User: u, At: rq.At})
	case joined && !is:
		if _, err = Do[team.State](ctx, h, rq.step(), team.Leave{Tenant: t, User: u, At: rq.At}); errors.Is(err, team.ErrLast) {
			err = nil // nobody is left; the next who joins will let him go
		}
	}
	return err
}

// asPortal is the request of the portal itself, on behalf of who acts.
func asPortal(rq Request, t domain.Tenant) Request {
	actor := domain.SystemActor("administrators", t)
	if rq.Actor.Kind != domain.ActorSystem {
		actor.OnBehalfOf = rq.Actor.ID
	}
	rq.Actor = actor
	return rq
}

// forget ends what a member had: secrets and addresses.
func (h *Handler) forget(ctx context.Context, org domain.Scope, u domain.UserID) error {
	return errors.Join(
		h.people.Withdraw(ctx, org.Tenant, u, people.Invitation, people.Link),
		h.people.LeaveAddresses(ctx, org, u, ""))
}
