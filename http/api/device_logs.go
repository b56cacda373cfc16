package api

import (
	"bytes"
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections/live"
)

// GetLogConsent tells, from the customer's stream, whether he lets the logs of his devices be read.
func (s *server) GetLogConsent(ctx context.Context, r GetLogConsentRequestObject) (GetLogConsentResponseObject, error) {
	c, id := callOf(ctx), domain.CustomerID(r.Id)
	var body LogConsent
	var revision eventstore.Revision
	visible := false
	err := commands.Inspect(ctx, s.Commands, customer.Stream(c.actor.Tenant, id), func(st customer.State, at eventstore.Revision) {
		visible = st.Exists() && c.actor.Sees(st.Scope())
		body.Allowed, revision = st.ConsentsToLogs(), at
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return GetLogConsent200JSONResponse{body, GetLogConsent200ResponseHeaders{ETag: etag(revision)}}, nil
}

// SetLogConsent notes what the customer says.
func (s *server) SetLogConsent(ctx context.Context, r SetLogConsentRequestObject) (SetLogConsentResponseObject, error) {
	c, id := callOf(ctx), domain.CustomerID(r.Id)
	res, err := commands.Do[customer.State](ctx, s.Commands, c.request(), customer.ConsentToLogs{
		Tenant: c.actor.Tenant, Customer: id, Allowed: r.Body.Allowed, At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return SetLogConsent200JSONResponse{body, SetLogConsent200ResponseHeaders(h)}, nil
}

// RequestLog asks a device for its log.
func (s *server) RequestLog(ctx context.Context, r RequestLogRequestObject) (RequestLogResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	if err := s.requireDevice(ctx, id); err != nil {
		return nil, err
	}
	rq := c.request()
	ask := device.RequestLog{Tenant: c.actor.Tenant, Device: id, Request: device.RequestID(rq.ID.String()), At: c.at}
	res, err := commands.RequestLog(ctx, s.Commands, rq, ask)
	if err != nil {
		return nil, err
	}
	body, h, err := s.requested(ctx, ask.Stream(), res, device.Pending{ID: ask.Request, Kind: device.FetchLog})
	return RequestLog202JSONResponse{body, RequestLog202ResponseHeaders(h)}, err
}

// ListLogs tells which logs of a device are there.
func (s *server) ListLogs(ctx context.Context, r ListLogsRequestObject) (ListLogsResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	owner, err := s.ownerOf(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := s.Logs.List(ctx, owner, id, c.at)
	if err != nil {
		return nil, err
	}
	return ListLogs200JSONResponse{Items: each(list, func(l live.Log) DeviceLog {
		return DeviceLog{Id: string(l.Request), At: l.At.UTC(), Bytes: l.Bytes, ExpiresAt: l.At.Add(live.LogLifetime).UTC()}
	})}, nil
}

// DownloadLog gives a log that a device has sent. That somebody got it stands in the log of the portal before he does.
func (s *server) DownloadLog(ctx context.Context, r DownloadLogRequestObject) (DownloadLogResponseObject, error) {
	c, id, request := callOf(ctx), domain.DeviceID(r.Id), device.RequestID(r.LogId)
	owner, err := s.ownerOf(ctx, id)
	if err != nil {
		return nil, err
	}
	content, err := s.Logs.Open(ctx, owner, id, request, c.at)
	if err != nil {
		return nil, err
	}
	if _, err := commands.Do[device.State](ctx, s.Commands, c.request(), device.DownloadLog{Tenant: c.actor.Tenant, Device: id, Request: request, At: c.at}); err != nil {
		return nil, err
	}
	return DownloadLog200ApplicationgzipResponse{
		Body: bytes.NewReader(content), ContentLength: int64(len(content)),
		Headers: DownloadLog200ResponseHeaders{ContentDisposition: some(`attachment; filename="` + fileName("device-log", c.at, "log.gz") + `"`)},
	}, nil
}

// ownerOf is the customer whose device it is, if the caller sees it and it is not gone.
func (s *server) ownerOf(ctx context.Context, id domain.DeviceID) (owner domain.Scope, err error) {
	c := callOf(ctx)
	visible := false
	err = commands.Inspect(ctx, s.Commands, device.Stream(c.actor.Tenant, id), func(st device.State, _ eventstore.Revision) {
		owner, visible = st.Scope(), st.Exists() && !st.Removed() && c.actor.Sees(st.Scope())
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return owner, err
}
