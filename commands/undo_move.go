package commands

import (
	"context"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/job"
	"avportal/eventstore"
)

// Refusals of UndoMove.
var (
	ErrNoMove      = &domain.Error{Class: domain.Conflict, Code: "no_move", Message: "Only a job that has moved devices, and has ended, can be undone."}
	ErrMovedSince  = &domain.Error{Class: domain.Conflict, Code: "moved_since", Message: "Somebody has moved the device since. It stays where it is."}
	ErrNothingDone = &domain.Error{Class: domain.Conflict, Code: "nothing_to_undo", Message: "The job has moved no device."}
)

// UndoMove accepts the job that puts devices back to where an earlier job took them from.
func UndoMove(ctx context.Context, h *Handler, rq Request, c job.Accept, undone job.ID) (Result, error) {
	if !rq.Actor.Role.Allows(domain.ManageDevices) {
		return Result{}, domain.ErrForbidden
	}
	visible, moved := false, false
	err := Inspect(ctx, h, job.Stream(c.Tenant, undone), func(s job.State, _ eventstore.Revision) {
		visible = s.Exists() && rq.Actor.Sees(s.Scope())
		moved = s.Action() == job.MoveDevices && s.Ended()
		for _, r := range s.Results() {
			if r.OK {
				c.Items = append(c.Items, r.Item)
			}
		}
	})
	switch {
	case err != nil || !visible:
		return Result{}, unlessVisible(visible, err)
	case !moved:
		return Result{}, ErrNoMove
	case len(c.Items) == 0:
		return Result{}, ErrNothingDone
	}
	c.Order = job.Order{Action: job.UndoMove, Undoes: undone}
	return AcceptJob(ctx, h, rq, c)
}

// moveBack undoes what a job has done to one device. Where it stood before stands in the event by which the job moved it.
func (h *Handler) moveBack(ctx context.Context, rq Request, tenant domain.Tenant, id domain.DeviceID, undone job.ID) error {
	activity, err := h.activityOf(ctx, tenant, undone)
	if err != nil {
		return err
	}
	for r, err := range h.store.Read(ctx, device.Stream(tenant, id), eventstore.End, eventstore.Backward, 0) {
		if err != nil {
			return err
		}
		m, ok := r.Event.(device.Moved)
		if !ok {
			continue
		}
		if r.Meta.Command == rq.ID { // done before, when the job was interrupted
			return nil
		}
		if r.Meta.Correlation != activity {
			return ErrMovedSince
		}
		_, err := MoveDevice(ctx, h, rq, tenant, id, m.FromGroup)
		return err
	}
	return nil // the job found it where it was to be
}

// activityOf is the activity that a job is.
func (h *Handler) activityOf(ctx context.Context, tenant domain.Tenant, j job.ID) (uuid.UUID, error) {
	for r, err := range h.store.Read(ctx, job.Stream(tenant, j), eventstore.Start, eventstore.Forward, 1) {
		return r.Meta.Correlation, err
	}
	return uuid.Nil, domain.ErrNotFound
}
