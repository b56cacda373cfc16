package api

import (
	"context"

	"avportal/domain"
	"avportal/http/rsp"
	"avportal/projections/licenses"
)

func (s *server) GetSync(ctx context.Context, _ GetSyncRequestObject) (GetSyncResponseObject, error) {
	st, err := s.Reseller.Status(ctx, callOf(ctx).actor.Tenant)
	if err != nil {
		return nil, err
	}
	state := SyncStateSucceeded
	switch {
	case st.Running:
		state = SyncStateRunning
	case st.StartedAt.IsZero():
		state = SyncStateNever
	case st.FinishedAt.IsZero() || st.Outcome.Failure != "":
		state = SyncStateFailed
	}
	return GetSync200JSONResponse{
		Configured: st.Configured, Connected: st.Connected, State: state, Id: some(st.Sync), Trigger: some(SyncTrigger(st.Trigger)),
		StartedAt: instant(st.StartedAt), FinishedAt: instant(st.FinishedAt), SucceededAt: instant(st.SucceededAt), DueAt: instant(st.DueAt),
		Total: st.Total, Done: st.Done, Customers: st.Outcome.Accounts, Licenses: st.Outcome.Licenses, Changed: st.Outcome.Changed,
		Refused: st.Outcome.Refused, Failure: some(st.Outcome.Failure),
		Problems: each(st.Problems, func(p rsp.Problem) SyncProblem {
			return SyncProblem{Kind: SyncProblemKind(p.Kind), Id: p.ID, Code: p.Code, Detail: p.Detail}
		}),
	}, nil
}

func (s *server) StartSync(ctx context.Context, _ StartSyncRequestObject) (StartSyncResponseObject, error) {
	rq := callOf(ctx).request()
	if err := s.Reseller.Synchronize(ctx, rq); err != nil {
		return nil, err
	}
	return StartSync202JSONResponse{Id: rq.ID.String()}, nil
}

// RefreshLicense is for whoever sees the license: it takes over what the Reseller Portal says, nothing of his own.
func (s *server) RefreshLicense(ctx context.Context, r RefreshLicenseRequestObject) (RefreshLicenseResponseObject, error) {
	c, id := callOf(ctx), domain.LicenseID(r.Id)
	if _, err := licenses.Get(ctx, s.Readers, c.scope(), c.at, id); err != nil {
		return nil, err
	}
	res, err := s.Reseller.RefreshLicense(ctx, c.request(), id)
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return RefreshLicense200JSONResponse{body, RefreshLicense200ResponseHeaders(h)}, nil
}
