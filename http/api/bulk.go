package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/job"
)

func (s *server) MoveDevices(ctx context.Context, r MoveDevicesRequestObject) (MoveDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Accept{Action: job.MoveDevices, To: domain.GroupID(r.Body.Group)})
	return MoveDevices202JSONResponse{body, MoveDevices202ResponseHeaders(h)}, err
}

func (s *server) ScanDevices(ctx context.Context, r ScanDevicesRequestObject) (ScanDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Accept{Action: job.ScanDevices, Profile: string(r.Body.Profile)})
	return ScanDevices202JSONResponse{body, ScanDevices202ResponseHeaders(h)}, err
}

func (s *server) UpdateDevices(ctx context.Context, r UpdateDevicesRequestObject) (UpdateDevicesResponseObject, error) {
	body, h, err := s.accept(ctx, r.Body.Devices, job.Accept{Action: job.UpdateDevices})
	return UpdateDevices202JSONResponse{body, UpdateDevices202ResponseHeaders(h)}, err
}

// accept takes on a job. It has the id of the command, and so of the activity that it is in the action log.
func (s *server) accept(ctx context.Context, devices DeviceIds, a job.Accept) (JobAccepted, jobHeaders, error) {
	c := callOf(ctx)
	rq := c.request()
	a.Tenant, a.Customer, a.Job, a.At = c.actor.Tenant, c.actor.Customer, job.ID(rq.ID.String()), c.at
	a.Items = values[domain.DeviceID](&devices)
	res, err := commands.AcceptJob(ctx, s.Commands, rq, a)
	if err != nil {
		return JobAccepted{}, jobHeaders{}, err
	}
	location := basePath + "/jobs/" + string(a.Job)
	return JobAccepted{Id: string(a.Job), Position: res.Position.String()}, jobHeaders{Location: &location, PortalPosition: position(res.Position)}, nil
}
