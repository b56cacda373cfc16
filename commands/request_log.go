package commands

import (
	"context"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/eventstore"
)

// RequestLog asks a device for its log, if its customer lets logs be read.
func RequestLog(ctx context.Context, h *Handler, rq Request, c device.RequestLog) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	consented, err := LogConsent(ctx, h, c.Tenant, c.Device)
	if err != nil {
		return Result{}, err
	}
	c.Consented = consented
	return Do(ctx, h, rq, c)
}

// LogConsent reports whether the customer whose device it is lets logs be read.
func LogConsent(ctx context.Context, h *Handler, t domain.Tenant, d domain.DeviceID) (consented bool, err error) {
	var owner domain.CustomerID
	err = Inspect(ctx, h, device.Stream(t, d), func(s device.State, _ eventstore.Revision) { owner = s.Scope().Customer })
	if err != nil || owner == "" {
		return false, err
	}
	err = Inspect(ctx, h, customer.Stream(t, owner), func(s customer.State, _ eventstore.Revision) { consented = s.ConsentsToLogs() })
	return consented, err
}
