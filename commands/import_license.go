package commands

import (
	"context"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
)

// ImportLicense takes a license over for a customer that exists, and gives it its main group, named like the license.
// The license's scope rests on the customer, so the customer is looked up first.
func ImportLicense(ctx context.Context, h *Handler, rq Request, c license.Import) (Result, error) {
	known := false
	err := Inspect(ctx, h, customer.Stream(c.Tenant, c.Customer), func(s customer.State, _ eventstore.Revision) {
		known = s.Exists() && rq.Actor.Sees(s.Scope())
	})
	if err != nil {
		return Result{}, err
	}
	if !known {
		return Result{}, domain.ErrNotFound.At("/customer").With("There is no such customer.")
	}
	res, err := Do[license.State](ctx, h, rq, c)
	if err != nil {
		return Result{}, err
	}
	planted, err := Do[group.State](ctx, h, rq.Derive("main group"), group.CreateMain{
		Tenant: c.Tenant, Customer: c.Customer, License: c.License, Name: c.Name, At: rq.At,
	})
	if err != nil {
		return Result{}, err
	}
	if planted.Events > 0 {
		res.Position = planted.Position
	}
	return res, nil
}
