package api

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/job"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/profiles"
)

func (s *server) ChooseProfile(ctx context.Context, r ChooseProfileRequestObject) (ChooseProfileResponseObject, error) {
	c, id := callOf(ctx), domain.GroupID(r.Id)
	if id.License() == "" {
		return nil, domain.ErrNotFound
	}
	res, err := commands.ChooseProfile(ctx, s.Commands, c.request(), c.actor.Tenant, id, domain.ProfileID(r.Body.Profile))
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChooseProfile200JSONResponse{body, ChooseProfile200ResponseHeaders(h)}, nil
}

func (s *server) TransmitToGroup(ctx context.Context, r TransmitToGroupRequestObject) (TransmitToGroupResponseObject, error) {
	body, h, err := s.acceptBy(ctx, func(rq commands.Request, a job.Accept) (commands.Result, error) {
		if domain.GroupID(r.Id).License() == "" {
			return commands.Result{}, domain.ErrNotFound
		}
		return commands.TransmitToGroup(ctx, s.Commands, rq, a, domain.GroupID(r.Id))
	})
	return TransmitToGroup202JSONResponse{body, TransmitToGroup202ResponseHeaders(h)}, err
}

func (s *server) TransmitProfile(ctx context.Context, r TransmitProfileRequestObject) (TransmitProfileResponseObject, error) {
	body, h, err := s.acceptBy(ctx, func(rq commands.Request, a job.Accept) (commands.Result, error) {
		return commands.TransmitToAll(ctx, s.Commands, rq, a, domain.ProfileID(r.Id))
	})
	return TransmitProfile202JSONResponse{body, TransmitProfile202ResponseHeaders(h)}, err
}

func (s *server) TransmitToDevice(ctx context.Context, r TransmitToDeviceRequestObject) (TransmitToDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	if err := s.requireDevice(ctx, id); err != nil {
		return nil, err
	}
	rq := c.request()
	res, err := commands.TransmitProfile(ctx, s.Commands, rq, c.actor.Tenant, id)
	if err != nil {
		return nil, err
	}
	body, h, err := s.requestedAs(ctx, device.Stream(c.actor.Tenant, id), res, device.RequestID(rq.ID.String()), func(p device.Pending) bool {
		return p.Kind == device.ApplyProfile
	})
	return TransmitToDevice202JSONResponse{body, TransmitToDevice202ResponseHeaders(h)}, err
}

// showProfiles adds to devices what their groups use, and by what their clients are set.
func (s *server) showProfiles(ctx context.Context, db projections.Querier, list []devices.Device, out []Device) error {
	if len(list) == 0 {
		return nil
	}
	c := callOf(ctx)
	groups, ids := make([]domain.GroupID, len(list)), make([]domain.DeviceID, len(list))
	for i, d := range list {
		groups[i], ids[i] = d.Group, d.ID
	}
	used, applied := map[domain.GroupID]licenses.GroupProfile{}, map[domain.DeviceID]device.Configuration{}
	err := projections.Together(ctx, db, func(b *pgx.Batch) {
		licenses.Profiles(b, c.scope(), groups, used)
		profiles.Applied(b, c.actor.Tenant, ids, applied)
	})
	if err != nil {
		return fmt.Errorf("profiles of devices: %w", err)
	}
	for i, d := range list {
		use, has := used[d.Group]
		out[i].Profile, out[i].ProfileHidden = usedProfile(use)
		now, set := applied[d.ID]
		state := stateOfProfile(use, has, now)
		if set && !use.Hidden {
			out[i].AppliedProfile = &AppliedProfile{Id: string(now.Profile), Edition: now.Edition}
		}
		out[i].ProfileState = &state
	}
	return nil
}

func stateOfProfile(use licenses.GroupProfile, has bool, applied device.Configuration) ProfileState {
	switch {
	case !has:
		return ProfileStateNone
	case applied.Profile != use.ID:
		return ProfileStateNotApplied
	case applied.Edition != use.Edition:
		return ProfileStateOutdated
	}
	return ProfileStateCurrent
}

func usedProfile(p licenses.GroupProfile) (used *UsedProfile, hidden *bool) {
	if p.Hidden {
		return nil, &p.Hidden
	}
	if p.ID == "" {
		return nil, nil
	}
	return &UsedProfile{Id: string(p.ID), Name: p.Name, Edition: p.Edition}, nil
}
