package commands

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
)

// AdmitUser makes a person a member whom the Reseller Portal vouches for, and answers which. Who was invited to the organization
// by the same address accepts the invitation by that: he gets the role that he was invited to, whatever he is in the Reseller
// Portal. An invitation that can't be accepted any more stands in nobody's way. The error is user.ErrEmailTaken if another member
// has the address.
func AdmitUser(ctx context.Context, h *Handler, rq Request, c user.Admit) (domain.UserID, Result, error) {
	if _, err := c.Decide(user.State{}); err != nil {
		return "", Result{}, err
	}
	org := c.Creates()
	if err := h.knownOrganization(ctx, rq, org); err != nil {
		return "", Result{}, err
	}
	holder, err := h.people.TakeAddress(ctx, org, c.Email, c.User)
	if err != nil {
		return "", Result{}, err
	}
	if holder.User != c.User {
		is, res, err := h.admitHolder(ctx, rq, c, holder.User)
		if is || err != nil {
			return holder.User, res, err
		}
	}
	if err := h.takeAddress(ctx, rq, org, c.Email, c.User); err != nil {
		return "", Result{}, err
	}
	res, err := Do(ctx, h, rq, c)
	if err != nil {
		return "", res, err
	}
	return c.User, res, h.settleTeam(ctx, rq, c.Tenant, c.User)
}

// admitHolder lets who has the address be the member, if he is this person, or is invited.
func (h *Handler) admitHolder(ctx context.Context, rq Request, c user.Admit, holder domain.UserID) (is bool, res Result, err error) {
	var invited bool
	err = Inspect(ctx, h, user.Stream(c.Tenant, holder), func(s user.State, _ eventstore.Revision) {
		if s.Uses(c.Creates(), c.Email) {
			is, invited = s.Person() == c.Person, s.Invited()
		}
	})
	if err != nil || is || !invited {
		return is, res, err
	}
	i, err := h.openInvitation(ctx, rq.At, c.Tenant, holder)
	if errors.Is(err, user.ErrInvitation) {
		_, err = DeactivateUser(ctx, h, rq.step(), user.Deactivate{Tenant: c.Tenant, User: holder, At: rq.At})
		return false, res, err
	}
	if err != nil {
		return false, res, err
	}
	res, err = h.accept(ctx, rq, i, c.Person)
	return err == nil, res, err
}
