package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/projections"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	engine "avportal/eventstore/node/projections"
)

// projectionsService translates between the protocol and the package projections.
type projectionsService struct {
	projections.UnimplementedProjectionsServer
	node *Node
}

func projectionStatus(ctx context.Context, err error) error {
	var refused *engine.RefusedError
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, engine.ErrExists):
		return status.Error(codes.AlreadyExists, err.Error())
	case errors.Is(err, engine.ErrRunning), errors.Is(err, engine.ErrSystem):
		return status.Error(codes.FailedPrecondition, err.Error())
	case errors.As(err, &refused):
		return invalid(err.Error())
	}
	return statusOf(ctx, err)
}

// Create makes and starts a projection.
func (s *projectionsService) Create(ctx context.Context, req *projections.CreateReq) (*projections.CreateResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	var name string
	mode := engine.OneTime
	switch m := o.GetMode().(type) {
	case *projections.CreateReq_Options_Continuous_:
		name, mode = m.Continuous.GetName(), engine.Continuous
		if m.Continuous.GetEmitEnabled() || m.Continuous.GetTrackEmittedStreams() {
			return nil, status.Error(codes.Unimplemented, "projections that write events are not available on the embedded node")
		}
	case *projections.CreateReq_Options_Transient_:
		name, mode = m.Transient.GetName(), engine.Transient
	case *projections.CreateReq_Options_OneTime:
		name = uuid.NewString()
	default:
		return nil, invalid("a projection needs a mode")
	}
	return &projections.CreateResp{}, projectionStatus(ctx, s.node.projections.Create(ctx, name, o.GetQuery(), mode))
}

// Update replaces the query of a projection.
func (s *projectionsService) Update(ctx context.Context, req *projections.UpdateReq) (*projections.UpdateResp, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	if req.GetOptions().GetEmitEnabled() {
		return nil, status.Error(codes.Unimplemented, "projections that write events are not available on the embedded node")
	}
	return &projections.UpdateResp{}, projectionStatus(ctx, s.node.projections.Update(ctx, req.GetOptions().GetName(), req.GetOptions().GetQuery()))
}

// Delete forgets a stopped projection.
func (s *projectionsService) Delete(ctx context.Context, req *projections.DeleteReq) (*projections.DeleteResp, error) {
	return &projections.DeleteResp{}, s.manage(ctx, req.GetOptions().GetName(), s.node.projections.Delete)
}

// Enable starts a projection.
func (s *projectionsService) Enable(ctx context.Context, req *projections.EnableReq) (*projections.EnableResp, error) {
	return &projections.EnableResp{}, s.manage(ctx, req.GetOptions().GetName(), s.node.projections.Enable)
}

// Disable stops a projection.
func (s *projectionsService) Disable(ctx context.Context, req *projections.DisableReq) (*projections.DisableResp, error) {
	return &projections.DisableResp{}, s.manage(ctx, req.GetOptions().GetName(), s.node.projections.Disable)
}

// Reset computes a projection anew.
func (s *projectionsService) Reset(ctx context.Context, req *projections.ResetReq) (*projections.ResetResp, error) {
	return &projections.ResetResp{}, s.manage(ctx, req.GetOptions().GetName(), s.node.projections.Reset)
}

func (s *projectionsService) manage(ctx context.Context, name string, do func(context.Context, string) error) error {
	if err := s.node.allowManagement(ctx); err != nil {
		return err
	}
	return projectionStatus(ctx, do(ctx, name))
}

// RestartSubsystem has nothing to restart: each projection fails, and starts, on its own.
func (s *projectionsService) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	return &shared.Empty{}, s.node.allowManagement(ctx)
}

// State returns the state of a projection.
func (s *projectionsService) State(ctx context.Context, req *projections.StateReq) (*projections.StateResp, error) {
	value, err := s.shown(ctx, req.GetOptions().GetName(), req.GetOptions().GetPartition(), s.node.projections.State)
	return &projections.StateResp{State: value}, err
}

// Result returns the state of a projection after its transformations.
func (s *projectionsService) Result(ctx context.Context, req *projections.ResultReq) (*projections.ResultResp, error) {
	value, err := s.shown(ctx, req.GetOptions().GetName(), req.GetOptions().GetPartition(), s.node.projections.Result)
	return &projections.ResultResp{Result: value}, err
}

func (s *projectionsService) shown(ctx context.Context, name, partition string, of func(string) ([]byte, error)) (*structpb.Value, error) {
	if err := s.node.allowManagement(ctx); err != nil {
		return nil, err
	}
	if partition != "" {
		return nil, status.Error(codes.Unimplemented, "partitioned projections are not available on the embedded node")
	}
	text, err := of(name)
	if err != nil {
		return nil, projectionStatus(ctx, err)
	}
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, statusOf(ctx, err)
	}
	value, err := structpb.NewValue(parsed)
	return value, statusOf(ctx, err)
}

// Statistics tells how projections stand, one or those of a mode.
func (s *projectionsService) Statistics(req *projections.StatisticsReq, call projections.Projections_StatisticsServer) error {
	ctx := call.Context()
	if err := s.node.allowManagement(ctx); err != nil {
		return err
	}
	var all []engine.Status
	var err error
	switch m := req.GetOptions().GetMode().(type) {
	case *projections.StatisticsReq_Options_Name:
		var one engine.Status
		one, err = s.node.projections.Status(m.Name)
		all = []engine.Status{one}
	case *projections.StatisticsReq_Options_Transient:
		all, err = s.node.projections.List(engine.Transient)
	case *projections.StatisticsReq_Options_Continuous:
		all, err = s.node.projections.List(engine.Continuous)
	case *projections.StatisticsReq_Options_OneTime:
		all, err = s.node.projections.List(engine.OneTime)
	default:
		all, err = s.node.projections.List("")
	}
	if err != nil {
		return projectionStatus(ctx, err)
	}
	for _, p := range all {
		position := fmt.Sprintf("C:%d/P:%d", p.Position, p.Position)
		err := call.Send(&projections.StatisticsResp{Details: &projections.StatisticsResp_Details{
			Name: p.Name, EffectiveName: p.Name, Mode: string(p.Mode), Version: p.Version,
			Status: p.State, StateReason: p.Reason, Position: position, LastCheckpoint: position,
			Progress: p.Progress, EventsProcessedAfterRestart: p.Events,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
