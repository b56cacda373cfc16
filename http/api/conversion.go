package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/licenses"
)

// GetConversion reads the aggregate itself: one small stream, always up to date.
func (s *server) GetConversion(ctx context.Context, _ GetConversionRequestObject) (GetConversionResponseObject, error) {
	body, err := s.conversion(ctx)
	return GetConversion200JSONResponse(body), err
}

func (s *server) conversion(ctx context.Context) (body Conversion, err error) {
	exists := false
	err = commands.Inspect(ctx, s.Commands, reseller.Stream(callOf(ctx).actor.Tenant), func(st reseller.State, _ eventstore.Revision) {
		exists = st.Exists()
		switch c := st.Conversion(); {
		case c == nil:
			body.State = ConversionStateOpen
		case c.Declined:
			body.State = ConversionStateDeclined
		default:
			body.State, body.Profile, body.Jobs = ConversionStateDone, some(string(c.Profile)), &c.Jobs
		}
	})
	if err == nil && !exists {
		err = domain.ErrNotFound
	}
	return body, err
}

// Convert takes in every group that stands in the log at this moment, so it waits for the view to be that far.
func (s *server) Convert(ctx context.Context, r ConvertRequestObject) (ConvertResponseObject, error) {
	c := callOf(ctx)
	var res commands.Result
	var err error
	if r.Body.Accept {
		var groups []domain.GroupID
		if groups, err = s.groupsNow(ctx); err != nil {
			return nil, err
		}
		res, err = commands.Convert(ctx, s.Commands, c.request(), c.actor.Tenant, groups)
	} else {
		res, err = commands.Do[reseller.State](ctx, s.Commands, c.request(), reseller.DeclineConversion{Tenant: c.actor.Tenant, At: c.at})
	}
	if err != nil {
		return nil, err
	}
	body, err := s.conversion(ctx)
	return Convert200JSONResponse{body, Convert200ResponseHeaders{position(res.Position)}}, err
}

func (s *server) groupsNow(ctx context.Context) ([]domain.GroupID, error) {
	head, err := s.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, waitForCaller)
	defer cancel()
	reached, err := projections.Await(wait, s.Readers, s.Signals, licensesView, head)
	if err != nil {
		return nil, behind{reached}
	}
	return licenses.GroupsWithoutProfile(ctx, s.Readers, callOf(ctx).actor.Tenant)
}
