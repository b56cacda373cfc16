package commands

import (
	"context"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// ErrUnknownOwner says that a profile can't be given to whoever was named.
var ErrUnknownOwner = &domain.Error{Class: domain.Invalid, Code: "unknown_customer", Field: "/owner", Message: "There is no such customer."}

// CreateProfile makes a profile for an owner that the actor reaches.
func CreateProfile(ctx context.Context, h *Handler, rq Request, c profile.Create) (Result, error) {
	if err := h.mayOwn(ctx, rq, c.Tenant, c.Customer); err != nil {
		return Result{}, err
	}
	return Do[profile.State](ctx, h, rq, c)
}

// ChangeProfileOwner gives a profile to another owner. The actor must reach both: a customer's people can't give their
// profiles away, nor take those of others.
func ChangeProfileOwner(ctx context.Context, h *Handler, rq Request, c profile.ChangeOwner) (Result, error) {
	if visible, err := h.seesProfile(ctx, rq, c.Tenant, c.Profile); err != nil || !visible {
		return Result{}, unlessVisible(visible, err)
	}
	if err := h.mayOwn(ctx, rq, c.Tenant, c.To); err != nil {
		return Result{}, err
	}
	return Do[profile.State](ctx, h, rq, c)
}

func (h *Handler) mayOwn(ctx context.Context, rq Request, t domain.Tenant, owner domain.CustomerID) error {
	if !rq.Actor.Role.Allows(domain.ManageProfiles) {
		return domain.ErrForbidden
	}
	if !rq.Actor.Sees(domain.Scope{Tenant: t, Customer: owner}) {
		return ErrUnknownOwner
	}
	if owner == "" {
		return nil
	}
	known := false
	err := Inspect(ctx, h, customer.Stream(t, owner), func(s customer.State, _ eventstore.Revision) { known = s.Exists() })
	if err == nil && !known {
		err = ErrUnknownOwner
	}
	return err
}
