package commands

import (
	"context"

	"avportal/domain"
	"avportal/domain/license"
	"avportal/eventstore"
)

// checkLicense refuses a command on what lives under a license that has expired: by default every command, so that a
// new one can't forget the rule.
func (h *Handler) checkLicense(ctx context.Context, rq Request, tenant domain.Tenant, c, state any) error {
	licensed, ok := state.(domain.Licensed)
	if !ok || licensed.License() == "" {
		return nil
	}
	if _, exempt := c.(domain.AllowedWhenExpired); exempt {
		return nil
	}
	return h.requireValid(ctx, rq, tenant, licensed.License())
}

// requireValid refuses if a license has expired at the time of the request. A refusal from memory is looked up again:
// another process may have renewed it.
func (h *Handler) requireValid(ctx context.Context, rq Request, tenant domain.Tenant, id domain.LicenseID) error {
	var standing domain.Standing
	note := func(s license.State, _ eventstore.Revision) { standing = s.Standing() }
	if err := Peek(ctx, h, license.Stream(tenant, id), note); err != nil {
		return err
	}
	if standing.ExpiredAt(rq.At) || !standing.Exists {
		if err := Inspect(ctx, h, license.Stream(tenant, id), note); err != nil {
			return err
		}
	}
	if !standing.Exists {
		return domain.ErrNotFound
	}
	if standing.ExpiredAt(rq.At) {
		return domain.ErrLicenseExpired
	}
	return nil
}
