package projections

import (
	"context"
	"sync"
)

// Operator has tasks carried out in the background of a process, beyond the request that asked for them.
type Operator struct {
	ctx     context.Context //nolint:containedctx // of the tasks, which outlive those who ask
	engine  func(context.Context) (*Engine, error)
	working sync.WaitGroup
}

// NewOperator works with an engine that knows all views there are at the time, those of analysts included; it moves none. Tasks end with
// the context; Wait waits for that.
func NewOperator(ctx context.Context, engine func(context.Context) (*Engine, error)) *Operator {
	return &Operator{ctx: ctx, engine: engine}
}

// Engine is one for what needs no background.
func (o *Operator) Engine(ctx context.Context) (*Engine, error) { return o.engine(ctx) }

// Wait waits for the end of tasks whose context has ended.
func (o *Operator) Wait() { o.working.Wait() }

// Begin begins a task. The error is ErrRunning if one is being carried out on the view, here or elsewhere.
func (o *Operator) Begin(ctx context.Context, task Task, view string) error {
	e, err := o.engine(ctx)
	if err != nil {
		return err
	}
	run, err := e.begin(ctx, task, view)
	if err != nil {
		return err
	}
	o.working.Go(func() {
		if err := run(o.ctx, nil); err != nil {
			e.Log.Error("an operation failed", "task", string(task), "view", view, "error", err)
			return
		}
		e.Log.Info("an operation is done", "task", string(task), "view", view)
	})
	return nil
}
