package commands

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
)

// RemoveDevice takes a device out of the portal for good and gives its seat back.
func RemoveDevice(ctx context.Context, h *Handler, rq Request, c device.Remove) (Result, error) {
	var at domain.LicenseID
	if err := Peek(ctx, h, c.Stream(), func(s device.State, _ eventstore.Revision) { at = s.License() }); err != nil {
		return Result{}, err
	}
	res, err := Do[device.State](ctx, h, rq, c)
	if err != nil {
		return res, err
	}
	return res, errors.Join(err, Settle(ctx, h, rq.step(), c.Tenant, at, c.Device))
}
