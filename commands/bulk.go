package commands

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// bulkWorkers is how many items of a job are worked on at a time.
const bulkWorkers = 16

// AcceptJob takes on work on many devices, after it has made sure that the actor reaches every one of them and the
// target: one that is not there, or not for this actor, refuses the whole, so that a guess tells nothing.
func AcceptJob(ctx context.Context, h *Handler, rq Request, c job.Accept) (Result, error) {
	if !rq.Actor.Role.Allows(c.Needs()) {
		return Result{}, domain.ErrForbidden
	}
	if c.Order.Action == job.AssignProfile { // the portal itself has looked the groups up
		if rq.Actor.Customer != "" {
			return Result{}, domain.ErrForbidden
		}
	} else if len(c.Items) <= job.MaxItems { // else Decide refuses
		var g errgroup.Group
		g.SetLimit(bulkWorkers)
		for _, id := range c.Items {
			g.Go(func() error {
				_, err := h.visibleDevice(ctx, rq, c.Tenant, domain.DeviceID(id))
				if errors.Is(err, device.ErrRemoved) {
					return nil // an item's own result will say so
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return Result{}, err
		}
	}
	if c.Order.Action == job.MoveDevices {
		if _, err := h.visibleLicense(ctx, rq, c.Tenant, c.Order.To.License()); err != nil {
			return Result{}, err
		}
	}
	return Do[job.State](ctx, h, rq, c)
}

// RunJob is the policy that does the work of a job that was accepted. Delivered again, it goes on with the items that
// have no result yet; an item that was done without its result being told is replayed.
func RunJob(ctx context.Context, h *Handler, r eventstore.Recorded) error {
	accepted, ok := r.Event.(job.Accepted)
	if !ok {
		return nil
	}
	var rest []job.Item
	err := Inspect(ctx, h, job.Stream(accepted.Tenant, accepted.Job), func(s job.State, _ eventstore.Revision) { rest = s.Remaining() })
	if err != nil {
		return err
	}
	rq := reaction(r, "run job")
	rq.Actor.OnBehalfOf, rq.Actor.Customer = r.Meta.ActorID, accepted.Customer
	const chunk = 250 // results are told this often
	for len(rest) > 0 {
		n := min(chunk, len(rest))
		results, err := h.runItems(ctx, rq, accepted, rest[:n])
		if err != nil {
			return err
		}
		told := rq.Derive("results from " + string(rest[0]))
		if _, err := Do[job.State](ctx, h, told, job.Progress{Tenant: accepted.Tenant, Job: accepted.Job, Results: results, At: rq.At}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// runItems gives a result for each item. An error means that some could not be done for now.
func (h *Handler) runItems(ctx context.Context, rq Request, accepted job.Accepted, items []job.Item) ([]job.Result, error) {
	results := make([]job.Result, len(items))
	var g errgroup.Group
	g.SetLimit(bulkWorkers)
	for i, id := range items {
		g.Go(func() error {
			result := job.Result{Item: id, OK: true}
			err := h.runItem(ctx, rq.Derive("item "+string(id)), accepted, id)
			var refusal *domain.Error
			switch {
			case errors.As(err, &refusal) && refusal.Class != domain.Unavailable:
				result.OK, result.Code, result.Message = false, refusal.Code, refusal.Message
			case err != nil:
				return err
			}
			results[i] = result
			return nil
		})
	}
	return results, g.Wait()
}

func (h *Handler) runItem(ctx context.Context, rq Request, accepted job.Accepted, item job.Item) (err error) {
	tenant, id, order := accepted.Tenant, domain.DeviceID(item), accepted.Order
	request := device.RequestID(rq.ID.String())
	switch order.Action {
	case job.MoveDevices:
		_, err = MoveDevice(ctx, h, rq, tenant, id, order.To)
	case job.UndoMove:
		err = h.moveBack(ctx, rq, tenant, id, order.Undoes)
	case job.ScanDevices:
		err = h.scanItem(ctx, rq.alone(), accepted, id)
	case job.UpdateDevices:
		_, err = Do[device.State](ctx, h, rq.alone(), device.RequestUpdate{Tenant: tenant, Device: id, Request: request, At: rq.At})
	case job.TransmitProfiles:
		_, err = TransmitProfile(ctx, h, rq.alone(), tenant, id)
	case job.LabelDevices:
		_, err = Do[device.State](ctx, h, rq, device.Relabel{Tenant: tenant, Device: id, Label: order.Label, At: rq.At})
	case job.RemoveDevices:
		_, err = RemoveDevice(ctx, h, rq, device.Remove{Tenant: tenant, Device: id, Reason: order.Reason, At: rq.At})
	case job.AssignProfile:
		err = h.assignProfile(ctx, rq, tenant, domain.GroupID(item), order.Configuration)
	}
	return err
}

func (h *Handler) scanItem(ctx context.Context, rq Request, accepted job.Accepted, id domain.DeviceID) (err error) {
	switch scan := device.ScanProfile(accepted.Order.Profile); scan {
	case device.ProfileQuick, device.ProfileSystem, device.ProfileFull, device.ProfileRemovable:
		_, err = Do[device.State](ctx, h, rq, device.RequestScan{
			Tenant: accepted.Tenant, Device: id, Request: device.RequestID(rq.ID.String()), Profile: scan, At: rq.At,
		})
	default:
		_, err = ScanByProfile(ctx, h, rq, accepted.Tenant, id, profile.ScanID(scan))
	}
	return err
}

// assignProfile gives a profile to a group that uses none.
func (h *Handler) assignProfile(ctx context.Context, rq Request, tenant domain.Tenant, g domain.GroupID, p domain.ProfileID) error {
	use, err := h.visibleGroup(ctx, rq, tenant, g)
	if err != nil || use.profile != "" {
		return err
	}
	_, err = ChooseProfile(ctx, h, rq, tenant, g, p)
	return err
}
