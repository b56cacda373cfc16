package api

import (
	"context"
	"errors"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/platform"
	"avportal/projections"
)

// What operators can do with the read models. The command line does the same by the same means.

func (s *server) ListProjections(ctx context.Context, _ ListProjectionsRequestObject) (ListProjectionsResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	views, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := e.PolicyStatus(ctx)
	if err != nil {
		return nil, err
	}
	return ListProjections200JSONResponse{Items: each(views, projectionOf), Policies: each(policies, policyOf)}, nil
}

func (s *server) GetProjection(ctx context.Context, r GetProjectionRequestObject) (GetProjectionResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	body, err := projectionDetails(ctx, e, r.View)
	return GetProjection200JSONResponse(body), err
}

func projectionDetails(ctx context.Context, e *projections.Engine, view string) (body ProjectionDetails, err error) {
	views, err := e.Status(ctx)
	if err != nil {
		return body, err
	}
	generations, err := projections.Generations(ctx, e.DB)
	if err != nil {
		return body, err
	}
	operation, err := operationOn(ctx, e, view)
	if err != nil {
		return body, err
	}
	body = ProjectionDetails{Generations: []Generation{}, Operation: operation}
	err = projections.ErrNoView
	for _, v := range views {
		if v.View == view {
			body.Projection, err = projectionOf(v), nil
		}
	}
	for _, g := range generations {
		if g.View == view {
			body.Generations = append(body.Generations, generationOf(g))
		}
	}
	return body, err
}

func (s *server) OperateProjection(ctx context.Context, r OperateProjectionRequestObject) (OperateProjectionResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	switch r.Task {
	case ProjectionTaskPause:
		err = e.Pause(ctx, r.View)
	case ProjectionTaskResume:
		err = e.Resume(ctx, r.View)
	default:
		err = s.Operator.Begin(ctx, projections.Task(r.Task), r.View)
	}
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "operator", "request_id", requestID(ctx), "actor", callOf(ctx).actor.ID, "task", string(r.Task), "view", r.View)
	body, err := projectionDetails(ctx, e, r.View)
	return OperateProjection202JSONResponse(body), err
}

func (s *server) DropGeneration(ctx context.Context, r DropGenerationRequestObject) (DropGenerationResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	body, err := projectionDetails(ctx, e, r.View)
	if err != nil {
		return nil, err
	}
	for _, g := range body.Generations {
		if g.Schema == r.Schema {
			return DropGeneration204Response{}, e.Drop(ctx, r.Schema)
		}
	}
	return nil, projections.ErrNoGeneration
}

func (s *server) Quarantine(ctx context.Context, r QuarantineRequestObject) (QuarantineResponseObject, error) {
	body, h, err := s.leaveOut(ctx, r.View, r.Body)
	return Quarantine200JSONResponse{body, Quarantine200ResponseHeaders(h)}, err
}

func (s *server) QuarantineOfPolicy(ctx context.Context, r QuarantineOfPolicyRequestObject) (QuarantineOfPolicyResponseObject, error) {
	body, h, err := s.leaveOut(ctx, "policy/"+r.Policy, r.Body)
	return QuarantineOfPolicy200JSONResponse{body, QuarantineOfPolicy200ResponseHeaders(h)}, err
}

func (s *server) leaveOut(ctx context.Context, who string, q *Quarantine) (Changed, changedHeaders, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return Changed{}, changedHeaders{}, err
	}
	c := callOf(ctx)
	command := platform.Quarantine{View: who, Event: q.Event.String(), Reason: q.Reason, At: c.at}
	// A repetition finds the view gone on, and its decision in the log.
	h, err := e.PoisonEvent(ctx, who, command.Event)
	switch {
	case err == nil:
		command.Position = h.Position
	case errors.Is(err, projections.ErrNotHalted):
		if command.Position, err = e.Quarantined(ctx, who, command.Event, err); err != nil {
			return Changed{}, changedHeaders{}, err
		}
	default:
		return Changed{}, changedHeaders{}, err
	}
	res, err := commands.Do[platform.View](ctx, s.Commands, c.request(), command)
	if err != nil {
		return Changed{}, changedHeaders{}, err
	}
	body, headers := changed(who, res)
	return body, headers, nil
}

func (s *server) RewindPolicy(ctx context.Context, r RewindPolicyRequestObject) (RewindPolicyResponseObject, error) {
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		return nil, err
	}
	return RewindPolicy204Response{}, e.Rewind(ctx, r.Policy)
}

func projectionOf(v projections.Status) Projection {
	out := Projection{
		View: v.View, State: ProjectionState(v.State()), Version: v.Version, Position: v.Position.String(), LogPosition: v.Head.String(),
		BehindSeconds: float32(v.Behind.Seconds()), Events: v.Events, Applied: v.Applied, Quarantined: v.Quarantined, Halted: haltOf(v.Halted),
		Verified: instant(v.Verified), Differs: some(v.Differs),
	}
	if v.Previous != nil {
		out.PreviousUntil = instant(v.Previous.KeepUntil)
	}
	return out
}

func policyOf(p projections.PolicyStatus) PolicyProjection {
	return PolicyProjection{
		Policy: p.Name, State: ProjectionState(p.State()), Position: p.Position.String(), LogPosition: p.Head.String(),
		BehindSeconds: float32(p.Behind.Seconds()), Quarantined: p.Quarantined, Halted: haltOf(p.Halted),
	}
}

func haltOf(h *projections.Halt) *Halt {
	if h == nil {
		return nil
	}
	return &Halt{Event: h.EventID, Type: h.EventType, Position: h.Position, Error: h.Message, Since: h.Since.UTC()}
}

func generationOf(g projections.Generation) Generation {
	return Generation{
		Schema: g.Schema, State: GenerationState(g.State), Version: g.Version, Position: g.Position.String(), Events: g.Events,
		Created: g.Created.UTC(), KeepUntil: instant(g.KeepUntil),
	}
}

// operationOn is the last task that was carried out on a view; nil if there was none.
func operationOn(ctx context.Context, e *projections.Engine, view string) (*ProjectionOperation, error) {
	all, err := e.Operations(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.View == view {
			return &ProjectionOperation{
				View: o.View, Task: ProjectionOperationTask(o.Task), State: ProjectionOperationState(o.State), Phase: some(o.Phase), Events: o.Events,
				Position: o.Position.String(), Head: o.Head.String(), PerSecond: float32(o.PerSecond), SecondsLeft: float32(o.Left / time.Second),
				Started: o.Started.UTC(), Ended: instant(o.Ended), Error: some(o.Error), Differs: o.Differs,
			}, nil
		}
	}
	return nil, nil //nolint:nilnil // none is no error
}

// errOfProjections gives refusals of the engine their codes.
func errOfProjections(err error) *domain.Error {
	for known, refusal := range map[error]*domain.Error{
		projections.ErrNoView: domain.ErrNotFound, projections.ErrNoPolicy: domain.ErrNotFound, projections.ErrNoGeneration: domain.ErrNotFound,
		projections.ErrNoSuchMoment: domain.ErrNotFound, projections.ErrRunning: errRunning, projections.ErrInUse: errInUse,
		projections.ErrNotHalted: errNotHalted, projections.ErrBusy: errPastBusy, projections.ErrTooLarge: errPastTooLarge,
	} {
		if errors.Is(err, known) {
			return refusal
		}
	}
	return nil
}
