package api

import (
	"context"
	"strings"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

// GetReseller reads the aggregate itself: one small stream, always up to date.
func (s *server) GetReseller(ctx context.Context, _ GetResellerRequestObject) (GetResellerResponseObject, error) {
	tenant := callOf(ctx).actor.Tenant
	var body Reseller
	var h changedHeaders
	exists := false
	err := commands.Inspect(ctx, s.Commands, reseller.Stream(tenant), func(st reseller.State, r eventstore.Revision) {
		exists, h.ETag = st.Exists(), etag(r)
		body = Reseller{Tenant: string(tenant), Name: st.Name(), Language: Language(st.Language()), Thresholds: thresholdsOf(st.Thresholds())}
	})
	if err == nil && !exists {
		err = domain.ErrNotFound
	}
	return GetReseller200JSONResponse{body, GetReseller200ResponseHeaders(h)}, err
}

func thresholdsOf(t domain.Thresholds) Thresholds {
	return Thresholds{
		ExpiringDays: t.ExpiringDays, SignatureWarningDays: t.SignatureWarningDays, SignatureOutdatedDays: t.SignatureOutdatedDays,
		SignatureCriticalDays: t.SignatureCriticalDays, OfflineMinutes: t.OfflineMinutes, SilentDays: t.SilentDays, StaleDays: t.StaleDays,
		SeatsPercent: t.SeatsPercent,
	}
}

func (s *server) ChangeReseller(ctx context.Context, r ChangeResellerRequestObject) (ChangeResellerResponseObject, error) {
	c := callOf(ctx)
	var rename, thresholds domain.Command[reseller.State]
	if r.Body.Name != nil {
		rename = reseller.Rename{Tenant: c.actor.Tenant, Name: *r.Body.Name, At: c.at}
	}
	if r.Body.Thresholds != nil {
		thresholds = changeSomeThresholds{reseller.ChangeThresholds{Tenant: c.actor.Tenant, At: c.at}, *r.Body.Thresholds}
	}
	res, err := commands.Do(ctx, s.Commands, c.request(), join(rename, thresholds))
	if err != nil {
		return nil, err
	}
	body, h := changed(c.actor.Tenant, res)
	return ChangeReseller200JSONResponse{body, ChangeReseller200ResponseHeaders(h)}, nil
}

// changeSomeThresholds leaves those that are not named as they are when it is decided, not when they were read.
type changeSomeThresholds struct {
	reseller.ChangeThresholds
	change ThresholdsChange
}

// Decide fills in the thresholds that hold.
func (c changeSomeThresholds) Decide(s reseller.State) ([]domain.Event, error) {
	t := s.Thresholds()
	for to, from := range map[*int]*int{
		&t.ExpiringDays: c.change.ExpiringDays, &t.SignatureWarningDays: c.change.SignatureWarningDays,
		&t.SignatureOutdatedDays: c.change.SignatureOutdatedDays, &t.SignatureCriticalDays: c.change.SignatureCriticalDays,
		&t.OfflineMinutes: c.change.OfflineMinutes, &t.SilentDays: c.change.SilentDays, &t.StaleDays: c.change.StaleDays,
		&t.SeatsPercent: c.change.SeatsPercent,
	} {
		if from != nil {
			*to = *from
		}
	}
	c.Thresholds = t
	return c.ChangeThresholds.Decide(s)
}

func (s *server) RegisterReseller(ctx context.Context, r RegisterResellerRequestObject) (RegisterResellerResponseObject, error) {
	c := callOf(ctx)
	rq := c.request()
	tenant := domain.Tenant(value(r.Body.Tenant))
	if tenant == "" {
		tenant = domain.Tenant(strings.ReplaceAll(rq.NewID("reseller").String(), "-", ""))
	}
	res, err := commands.Do[reseller.State](ctx, s.Commands, rq, reseller.Register{
		Tenant: tenant, Name: r.Body.Name, Language: reseller.Language(value(r.Body.Language)), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(tenant, res)
	if isNew(res) {
		return RegisterReseller201JSONResponse{body, RegisterReseller201ResponseHeaders(h)}, nil
	}
	return RegisterReseller200JSONResponse{body, RegisterReseller200ResponseHeaders(h)}, nil
}
