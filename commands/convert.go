package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

// groupsPerJob bounds the jobs of a conversion, so that an event stays small.
const groupsPerJob = 5000

// Convert makes the default profile of a reseller and accepts the jobs that give it to groups, once. The ids of profile and
// jobs follow from the tenant, so whoever repeats it, at the same time or after a crash, finds them there.
func Convert(ctx context.Context, h *Handler, rq Request, tenant domain.Tenant, groups []domain.GroupID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageReseller) {
		return Result{}, domain.ErrForbidden
	}
	now, language, err := h.conversion(ctx, rq, tenant)
	if err != nil {
		return Result{}, err
	}
	convert := reseller.Convert{Tenant: tenant, Profile: defaultProfile(tenant), At: rq.At}
	if now != nil {
		if now.Declined {
			return Result{}, reseller.ErrConversionClosed
		}
		return Do[reseller.State](ctx, h, rq, convert)
	}
	name := "Standardprofil"
	if language == reseller.English {
		name = "Default profile"
	}
	_, err = Do[profile.State](ctx, h, rq.Derive("default profile"), profile.Create{
		Tenant: tenant, Profile: convert.Profile, Name: name, Settings: profile.Defaults(), At: rq.At,
	})
	if err != nil && !errors.Is(err, domain.ErrExists) { // somebody has changed it already
		return Result{}, err
	}
	for n := 0; n*groupsPerJob < len(groups); n++ {
		part := groups[n*groupsPerJob : min(len(groups), (n+1)*groupsPerJob)]
		id, err := h.assignDefault(ctx, rq, tenant, n, part, convert.Profile)
		if err != nil {
			return Result{}, err
		}
		convert.Jobs = append(convert.Jobs, id)
	}
	return Do[reseller.State](ctx, h, rq, convert)
}

func (h *Handler) assignDefault(ctx context.Context, rq Request, tenant domain.Tenant, n int, groups []domain.GroupID, p domain.ProfileID) (string, error) {
	id := conversionID(tenant, fmt.Sprint("job ", n))
	items := make([]job.Item, len(groups))
	for i, g := range groups {
		items[i] = job.Item(g)
	}
	assign := rq.alone()
	assign.ID, assign.Fingerprint, assign.Expected = id, "", nil
	_, err := AcceptJob(ctx, h, assign, job.Accept{
		Tenant: tenant, Job: job.ID(id.String()), Order: job.Order{Action: job.AssignProfile, Configuration: p}, Items: items, At: rq.At,
	})
	if errors.Is(err, domain.ErrExists) { // somebody else was quicker
		err = nil
	}
	return id.String(), err
}

// conversion tells how the question of the default profile was answered; nil if it is open.
func (h *Handler) conversion(ctx context.Context, rq Request, tenant domain.Tenant) (c *reseller.Conversion, l reseller.Language, err error) {
	visible := false
	err = Inspect(ctx, h, reseller.Stream(tenant), func(s reseller.State, _ eventstore.Revision) {
		visible = s.Exists() && rq.Actor.Sees(s.Scope())
		c, l = s.Conversion(), s.Language()
	})
	return c, l, unlessVisible(visible, err)
}

func defaultProfile(t domain.Tenant) domain.ProfileID {
	return domain.ProfileID(conversionID(t, "profile").String())
}

func conversionID(t domain.Tenant, what string) uuid.UUID {
	space, err := uuid.Parse(string(t))
	if err != nil {
		space = uuid.Nil // a malformed tenant never gets here; any fixed space will do
	}
	return uuid.NewSHA1(space, []byte("conversion "+what))
}
