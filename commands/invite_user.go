package commands

import (
	"context"
	"time"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/people"
)

// InviteUser asks a person to become a member of an organization. The mail is sent by a policy on user.Invited and
// user.InvitationRenewed, which gets the secret that goes into it from IssueInvitation.
func InviteUser(ctx context.Context, h *Handler, rq Request, c user.Invite) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	org := c.Creates()
	if err := h.knownOrganization(ctx, rq, org); err != nil {
		return Result{}, err
	}
	c.By = rq.Actor.Role
	if _, err := c.Decide(user.State{}); err != nil { // before an address is taken for nothing
		return Result{}, err
	}
	if err := h.takeAddress(ctx, rq, org, c.Email, c.User); err != nil {
		return Result{}, err
	}
	return Do(ctx, h, rq, c)
}

// RenewInvitation lets an invitation be sent again. What was sent before holds no longer.
func RenewInvitation(ctx context.Context, h *Handler, rq Request, c user.RenewInvitation) (Result, error) {
	visible := false
	err := Inspect(ctx, h, c.Stream(), func(s user.State, _ eventstore.Revision) { visible = s.Exists() && rq.Actor.Sees(s.Scope()) })
	if err != nil {
		return Result{}, err
	}
	if visible && rq.Actor.Role.Allows(c.Needs()) {
		if err := h.people.Withdraw(ctx, c.Tenant, c.User, people.Invitation); err != nil {
			return Result{}, err
		}
	}
	return Do(ctx, h, rq, c)
}

// OpenInvitation is an invitation that can be accepted, for the page that shows it and the mail that carries it.
type OpenInvitation struct {
	User      domain.UserID
	Scope     domain.Scope // the organization
	Profile   user.Profile
	Email     domain.Personal
	Role      domain.Role
	ExpiresAt time.Time
}

// IssueInvitation makes the secret that goes into the mail of an invitation, in place of one that was made before: a mail that is
// sent again, by a person or because a policy was interrupted, carries the one that holds. The error is user.ErrInvitation if
// there is nothing to accept (any more).
func IssueInvitation(ctx context.Context, h *Handler, at time.Time, t domain.Tenant, u domain.UserID) (OpenInvitation, string, error) {
	i, err := h.openInvitation(ctx, at, t, u)
	if err != nil {
		return i, "", err
	}
	known := people.Secret{Tenant: t, User: u, ExpiresAt: i.ExpiresAt}
	if h.invitation == nil {
		secret, err := h.people.Issue(ctx, people.Invitation, known)
		return i, secret, err
	}
	secret := h.invitation(string(t) + " " + string(u) + " " + i.ExpiresAt.Format(time.RFC3339Nano))
	return i, secret, h.people.Keep(ctx, people.Invitation, known, secret)
}

// FindInvitation shows the invitation that a secret belongs to. The error is user.ErrInvitation if it is good for nothing.
func FindInvitation(ctx context.Context, h *Handler, at time.Time, secret string) (OpenInvitation, error) {
	s, ok, err := h.people.Find(ctx, people.Invitation, secret)
	if err != nil {
		return OpenInvitation{}, err
	}
	if !ok {
		return OpenInvitation{}, user.ErrInvitation
	}
	return h.openInvitation(ctx, at, s.Tenant, s.User)
}

// AcceptInvitation makes the person who holds the secret a member. Of many who try at once one succeeds; the others' error is
// user.ErrInvitation. The caller makes sure who the person is: he has just chosen a password, or has signed in. The request's
// actor may be left out.
func AcceptInvitation(ctx context.Context, h *Handler, rq Request, secret string, person domain.PersonID) (OpenInvitation, Result, error) {
	s, ok, err := h.people.Find(ctx, people.Invitation, secret)
	if err != nil {
		return OpenInvitation{}, Result{}, err
	}
	if !ok {
		return OpenInvitation{}, Result{}, user.ErrInvitation
	}
	i, err := h.openInvitation(ctx, rq.At, s.Tenant, s.User)
	if err != nil {
		return i, Result{}, err
	}
	res, err := h.accept(ctx, rq, i, person)
	return i, res, err
}

// accept makes the person who is known to be the one who was invited a member.
func (h *Handler) accept(ctx context.Context, rq Request, i OpenInvitation, person domain.PersonID) (Result, error) {
	tenant := i.Scope.Tenant
	rq.Actor = domain.Actor{Kind: domain.ActorUser, ID: string(i.User), Role: domain.System, Tenant: tenant}
	res, err := Do[user.State](ctx, h, rq, user.Accept{Tenant: tenant, User: i.User, Person: person, At: rq.At})
	if err != nil {
		return res, err
	}
	if err := h.settleTeam(ctx, rq, tenant, i.User); err != nil {
		return res, err
	}
	return res, h.people.Withdraw(ctx, tenant, i.User, people.Invitation)
}

func (h *Handler) openInvitation(ctx context.Context, at time.Time, t domain.Tenant, u domain.UserID) (i OpenInvitation, err error) {
	open := false
	err = Inspect(ctx, h, user.Stream(t, u), func(s user.State, _ eventstore.Revision) {
		open = s.Invited() && at.Before(s.InvitedUntil())
		i = OpenInvitation{User: u, Scope: s.Scope(), Profile: s.Profile(), Email: s.Email(), Role: s.Role(), ExpiresAt: s.InvitedUntil()}
	})
	if err == nil && open {
		open, err = h.vouched(ctx, i)
	}
	if err == nil && !open {
		err = user.ErrInvitation
	}
	if err != nil {
		return OpenInvitation{}, err
	}
	return i, nil
}
