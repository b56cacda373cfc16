package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/profile"
	"avportal/eventstore"
)

func (s *server) ChangeDevice(ctx context.Context, r ChangeDeviceRequestObject) (ChangeDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	var res commands.Result
	var err error
	if r.Body.Group != nil {
		res, err = s.moveDevice(ctx, c, id, domain.GroupID(*r.Body.Group))
	} else {
		res, err = commands.Do[device.State](ctx, s.Commands, c.request(), device.Relabel{
			Tenant: c.actor.Tenant, Device: id, Label: value(r.Body.Label), At: c.at,
		})
	}
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChangeDevice200JSONResponse{body, ChangeDevice200ResponseHeaders(h)}, nil
}

func (s *server) moveDevice(ctx context.Context, c *call, id domain.DeviceID, to domain.GroupID) (commands.Result, error) {
	if err := s.requireDevice(ctx, id); err != nil {
		return commands.Result{}, err
	}
	if err := s.expect(ctx, device.Stream(c.actor.Tenant, id)); err != nil {
		return commands.Result{}, err
	}
	rq := c.request()
	rq.Expected = nil // looked at before the steps in other streams, which could not be taken back
	return commands.MoveDevice(ctx, s.Commands, rq, c.actor.Tenant, id, to)
}

// requireDevice refuses a device that was never there or is not within the caller's reach.
func (s *server) requireDevice(ctx context.Context, id domain.DeviceID) error {
	c := callOf(ctx)
	visible := false
	err := commands.Inspect(ctx, s.Commands, device.Stream(c.actor.Tenant, id), func(st device.State, _ eventstore.Revision) {
		visible = st.Exists() && c.actor.Sees(st.Scope())
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return err
}

func (s *server) RemoveDevice(ctx context.Context, r RemoveDeviceRequestObject) (RemoveDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	res, err := commands.RemoveDevice(ctx, s.Commands, c.request(), device.Remove{
		Tenant: c.actor.Tenant, Device: id, Reason: value(r.Params.Reason), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return RemoveDevice200JSONResponse{body, RemoveDevice200ResponseHeaders(h)}, nil
}

func (s *server) ScanDevice(ctx context.Context, r ScanDeviceRequestObject) (ScanDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	rq := c.request()
	if r.Body.Profile == ScanProfileOwn || r.Body.ScanProfile != nil {
		return s.ownScan(ctx, id, r.Body)
	}
	scan := device.RequestScan{
		Tenant: c.actor.Tenant, Device: id, Request: device.RequestID(rq.ID.String()),
		Profile: device.ScanProfile(r.Body.Profile), Paths: value(r.Body.Paths), At: c.at,
	}
	res, err := commands.Do[device.State](ctx, s.Commands, rq, scan)
	if err != nil {
		return nil, err
	}
	body, h, err := s.requested(ctx, scan.Stream(), res, device.Pending{ID: scan.Request, Kind: device.Scan, Profile: scan.Profile, Paths: scan.Paths})
	return ScanDevice202JSONResponse{body, ScanDevice202ResponseHeaders(h)}, err
}

// ownScan is a scan of the configuration profile that the device's group uses.
func (s *server) ownScan(ctx context.Context, id domain.DeviceID, body *ScanRequest) (ScanDeviceResponseObject, error) {
	c := callOf(ctx)
	if body.Profile != ScanProfileOwn || body.ScanProfile == nil || body.Paths != nil {
		return nil, invalidRequest("/scan_profile", "required", "An own scan names its scan profile, and no paths.")
	}
	if err := s.requireDevice(ctx, id); err != nil {
		return nil, err
	}
	rq := c.request()
	res, err := commands.ScanByProfile(ctx, s.Commands, rq, c.actor.Tenant, id, profile.ScanID(*body.ScanProfile))
	if err != nil {
		return nil, err
	}
	accepted, h, err := s.requestedAs(ctx, device.Stream(c.actor.Tenant, id), res, device.RequestID(rq.ID.String()), func(p device.Pending) bool {
		return p.Kind == device.Scan && p.Profile == device.ProfileOwn
	})
	return ScanDevice202JSONResponse{accepted, ScanDevice202ResponseHeaders(h)}, err
}

func (s *server) UpdateDevice(ctx context.Context, r UpdateDeviceRequestObject) (UpdateDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	rq := c.request()
	update := device.RequestUpdate{Tenant: c.actor.Tenant, Device: id, Request: device.RequestID(rq.ID.String()), At: c.at}
	res, err := commands.Do[device.State](ctx, s.Commands, rq, update)
	if err != nil {
		return nil, err
	}
	body, h, err := s.requested(ctx, update.Stream(), res, device.Pending{ID: update.Request, Kind: device.Update})
	return UpdateDevice202JSONResponse{body, UpdateDevice202ResponseHeaders(h)}, err
}

// requested names the request that waits now: the new one, or the one that made it needless.
func (s *server) requested(ctx context.Context, stream domain.Stream, res commands.Result, asked device.Pending) (RequestAccepted, changedHeaders, error) {
	return s.requestedAs(ctx, stream, res, asked.ID, asked.Asks)
}

func (s *server) requestedAs(ctx context.Context, stream domain.Stream, res commands.Result, id device.RequestID, same func(device.Pending) bool) (RequestAccepted, changedHeaders, error) {
	if res.Events == 0 {
		err := commands.Inspect(ctx, s.Commands, stream, func(st device.State, _ eventstore.Revision) {
			for _, p := range st.Pending() {
				if same(p) {
					id = p.ID
				}
			}
		})
		if err != nil {
			return RequestAccepted{}, changedHeaders{}, err
		}
	}
	return RequestAccepted{Request: string(id), Revision: int64(res.Revision), Position: res.Position.String(), Changed: res.Events > 0},
		changedHeaders{ETag: etag(res.Revision), PortalPosition: position(res.Position)}, nil
}

func (s *server) CancelRequest(ctx context.Context, r CancelRequestRequestObject) (CancelRequestResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	rq := c.request()
	if activity, ok := activityID(r.RequestId); ok {
		rq.Correlation = activity // the request began it, and this ends it
	}
	res, err := commands.Do[device.State](ctx, s.Commands, rq, device.Cancel{
		Tenant: c.actor.Tenant, Device: id, Request: device.RequestID(r.RequestId), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return CancelRequest200JSONResponse{body, CancelRequest200ResponseHeaders(h)}, nil
}
