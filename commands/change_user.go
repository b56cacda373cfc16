package commands

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/team"
	"avportal/domain/user"
	"avportal/eventstore"
)

// ChangeEmail changes a member's address: the new one is taken first, and the old one given up when the log says so.
func ChangeEmail(ctx context.Context, h *Handler, rq Request, c user.ChangeEmail) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	var org domain.Scope
	var changes bool
	refusal := error(domain.ErrNotFound)
	err := Inspect(ctx, h, c.Stream(), func(s user.State, _ eventstore.Revision) {
		if org = s.Scope(); s.Exists() && rq.Actor.Sees(org) {
			var events []domain.Event
			events, refusal = c.Decide(s)
			changes = len(events) > 0
		}
	})
	if err = errors.Join(err, refusal); err != nil {
		return Result{}, err
	}
	if changes {
		if err := h.takeAddress(ctx, rq, org, c.Email, c.User); err != nil {
			return Result{}, err
		}
	}
	res, err := Do(ctx, h, rq, c)
	if err != nil || !changes {
		return res, err
	}
	return res, h.people.LeaveAddresses(ctx, org, c.User, c.Email)
}

// ChangeRole gives a member another role. A reseller keeps an administrator.
func ChangeRole(ctx context.Context, h *Handler, rq Request, c user.ChangeRole) (Result, error) {
	c.By = rq.Actor.Role
	return h.changeStanding(ctx, rq, c.User, c)
}

// DeactivateUser shuts a member out. His secrets hold no longer, and others may have his address.
func DeactivateUser(ctx context.Context, h *Handler, rq Request, c user.Deactivate) (Result, error) {
	c.By = rq.Actor.Role
	res, err := h.changeStanding(ctx, rq, c.User, c)
	if err != nil {
		return res, err
	}
	return res, h.forgetIfGone(ctx, c.Tenant, c.User)
}

// ReactivateUser lets a member in again, unless his address is another's by now.
func ReactivateUser(ctx context.Context, h *Handler, rq Request, c user.Reactivate) (Result, error) {
	c.By = rq.Actor.Role
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	var org domain.Scope
	var email string
	err := Inspect(ctx, h, c.Stream(), func(s user.State, _ eventstore.Revision) {
		if rq.Actor.Sees(s.Scope()) {
			org, email = s.Scope(), s.Email().Text
		}
	})
	if err != nil {
		return Result{}, err
	}
	if email != "" {
		if err := h.takeAddress(ctx, rq, org, email, c.User); err != nil {
			return Result{}, err
		}
	}
	return h.changeStanding(ctx, rq, c.User, c)
}

// EraseUser makes the portal forget who a member was. The log says so first; then his key is destroyed, here or, if this is
// broken off, by the policy ForgetErased.
func EraseUser(ctx context.Context, h *Handler, rq Request, c user.Erase) (Result, error) {
	c.By = rq.Actor.Role
	res, err := h.changeStanding(ctx, rq, c.User, c)
	if err != nil {
		return res, err
	}
	return res, h.forgetIfGone(ctx, c.Tenant, c.User)
}

// ForgetErased is the policy that destroys the key of a member who was erased.
func ForgetErased(ctx context.Context, h *Handler, r eventstore.Recorded) error {
	if _, ok := r.Event.(user.Erased); !ok {
		return nil
	}
	return h.forgetIfGone(ctx, r.Stream.Tenant, domain.UserID(r.Stream.ID))
}

// ForgetMember ends what a member had who was deactivated or erased, if it is there again. It is harmless to repeat.
func ForgetMember(ctx context.Context, h *Handler, t domain.Tenant, u domain.UserID) error {
	return h.forgetIfGone(ctx, t, u)
}

// forgetIfGone ends what a member had who was deactivated or erased, and destroys the key of who was erased.
func (h *Handler) forgetIfGone(ctx context.Context, t domain.Tenant, u domain.UserID) error {
	var gone, erased bool
	var org domain.Scope
	err := Inspect(ctx, h, user.Stream(t, u), func(s user.State, _ eventstore.Revision) {
		gone, erased, org = !s.Present(), s.Erased(), s.Scope()
	})
	if err != nil || !gone {
		return err
	}
	if err := h.forget(ctx, org, u); err != nil || !erased {
		return err
	}
	return h.people.Destroy(ctx, domain.Subject(u))
}

// member tells which member an event may have left half done.
func member(r eventstore.Recorded) (domain.UserID, bool) {
	switch r.Stream.Kind {
	case domain.KindUser:
		return domain.UserID(r.Stream.ID), true
	case domain.KindTeam:
		switch e := r.Event.(type) {
		case team.Joined:
			return e.User, true
		case team.Left:
			return e.User, true
		}
	}
	return "", false
}

// settleMember finishes what a command on a member may have left half done.
func (h *Handler) settleMember(ctx context.Context, rq Request, t domain.Tenant, u domain.UserID) error {
	return errors.Join(h.settleTeam(ctx, rq, t, u), h.forgetIfGone(ctx, t, u))
}
