package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/job"
)

func (s *server) MoveDevices(ctx context.Context, r MoveDevicesRequestObject) (MoveDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.MoveDevices, To: domain.GroupID(r.Body.Group)})
	return MoveDevices202JSONResponse{body, MoveDevices202ResponseHeaders(h)}, err
}

func (s *server) ScanDevices(ctx context.Context, r ScanDevicesRequestObject) (ScanDevicesResponseObject, error) {
	scan := string(r.Body.Profile)
	if own := r.Body.ScanProfile; own != nil || r.Body.Profile == DevicesScanProfileOwn {
		if own == nil || r.Body.Profile != DevicesScanProfileOwn {
			return nil, invalidRequest("/scan_profile", "required", "An own scan names its scan profile.")
		}
		scan = *own
	}
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.ScanDevices, Profile: scan})
	return ScanDevices202JSONResponse{body, ScanDevices202ResponseHeaders(h)}, err
}

func (s *server) UpdateDevices(ctx context.Context, r UpdateDevicesRequestObject) (UpdateDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.UpdateDevices})
	return UpdateDevices202JSONResponse{body, UpdateDevices202ResponseHeaders(h)}, err
}

func (s *server) TransmitToDevices(ctx context.Context, r TransmitToDevicesRequestObject) (TransmitToDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.TransmitProfiles})
	return TransmitToDevices202JSONResponse{body, TransmitToDevices202ResponseHeaders(h)}, err
}

func (s *server) LabelDevices(ctx context.Context, r LabelDevicesRequestObject) (LabelDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.LabelDevices, Label: r.Body.Label})
	return LabelDevices202JSONResponse{body, LabelDevices202ResponseHeaders(h)}, err
}

func (s *server) RemoveDevices(ctx context.Context, r RemoveDevicesRequestObject) (RemoveDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Order{Action: job.RemoveDevices, Reason: value(r.Body.Reason)})
	return RemoveDevices202JSONResponse{body, RemoveDevices202ResponseHeaders(h)}, err
}

func (s *server) UndoJob(ctx context.Context, r UndoJobRequestObject) (UndoJobResponseObject, error) {
	body, h, err := s.acceptBy(ctx, func(rq commands.Request, a job.Accept) (commands.Result, error) {
		return commands.UndoMove(ctx, s.Commands, rq, a, job.ID(r.Id))
	})
	return UndoJob202JSONResponse{body, UndoJob202ResponseHeaders(h)}, err
}

func (s *server) accept(ctx context.Context, devices DeviceIds, order job.Order) (JobAccepted, jobHeaders, error) {
	return s.acceptBy(ctx, func(rq commands.Request, a job.Accept) (commands.Result, error) {
		a.Order, a.Items = order, values[job.Item](&devices)
		return commands.AcceptJob(ctx, s.Commands, rq, a)
	})
}

// acceptBy takes on a job. It has the id of the command, and so of the activity that it is in the action log.
func (s *server) acceptBy(ctx context.Context, accept func(commands.Request, job.Accept) (commands.Result, error)) (JobAccepted, jobHeaders, error) {
	c := callOf(ctx)
	rq := c.request()
	a := job.Accept{Tenant: c.actor.Tenant, Customer: c.actor.Customer, Job: job.ID(rq.ID.String()), At: c.at}
	res, err := accept(rq, a)
	if err != nil {
		return JobAccepted{}, jobHeaders{}, err
	}
	location := basePath + "/jobs/" + string(a.Job)
	return JobAccepted{Id: string(a.Job), Position: res.Position.String()}, jobHeaders{Location: &location, PortalPosition: position(res.Position)}, nil
}
