package api

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/projections"
)

func (s *server) ListMoments(ctx context.Context, _ ListMomentsRequestObject) (ListMomentsResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	all, err := projections.Moments(ctx, e.DB)
	return ListMoments200JSONResponse{Items: each(all, momentOf)}, err
}

func (s *server) BuildMoment(ctx context.Context, r BuildMomentRequestObject) (BuildMomentResponseObject, error) {
	w, err := projections.ParseWhen(r.Body.At)
	if err != nil {
		return nil, invalidRequest("/at", "format", "This is neither a time such as 2026-05-03T12:00:00Z nor a position of the log.")
	}
	m, err := s.Past.Begin(ctx, w, domain.Tenant(value(r.Body.Tenant)))
	if errors.Is(err, projections.ErrFuture) {
		err = invalidRequest("/at", "in_the_future", "This moment has not come yet.")
	}
	return BuildMoment202JSONResponse(momentOf(m)), err
}

func (s *server) DropMoment(ctx context.Context, r DropMomentRequestObject) (DropMomentResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	return DropMoment204Response{}, e.DropAsOf(ctx, r.Name)
}

func momentOf(m projections.Moment) Moment {
	return Moment{
		Name: m.Name, At: instant(m.At), Tenant: some(string(m.Tenant)), Position: m.Position.String(), Bytes: m.Bytes, Ready: m.Ready,
		Events: m.Events, Share: float32(m.Share), Created: instant(m.Created), Used: instant(m.Used),
	}
}
