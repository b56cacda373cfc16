package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/eventstore"
)

// Task is what an operator can have done with a view that takes a while.
type Task string

// The tasks there are.
const (
	TaskRebuild  Task = "rebuild"
	TaskVerify   Task = "verify"
	TaskRollback Task = "rollback"
)

// The states of an operation.
const (
	OperationRunning     = "running"
	OperationDone        = "done"
	OperationFailed      = "failed"      // Error says why; after a comparison it may be that the view differs
	OperationInterrupted = "interrupted" // its process died. A rebuild that is begun again goes on where it had saved
)

// Operation is the last task that was carried out on a view, in whatever process.
type Operation struct {
	View     string
	Task     Task
	State    string
	Progress // its view and schema are left out
	Started  time.Time
	Ended    time.Time // zero while it runs
	Error    string
	Differs  bool // the comparison found a difference, which Error names
}

// Operate carries out a task. Its progress and outcome can be read by Operations, in every process; report may be nil. The error is
// ErrRunning if one is being carried out on the view.
func (e *Engine) Operate(ctx context.Context, task Task, view string, report func(Progress)) error {
	run, err := e.begin(ctx, task, view)
	if err != nil {
		return err
	}
	return run(ctx, report)
}

// begin takes the right to work on a view, and gives what is to be done with it. It must be called.
func (e *Engine) begin(ctx context.Context, task Task, view string) (func(context.Context, func(Progress)) error, error) {
	do := map[Task]func(context.Context, string, func(Progress)) error{
		TaskRebuild: e.Rebuild, TaskRollback: e.Rollback,
		TaskVerify: func(ctx context.Context, view string, report func(Progress)) error {
			_, err := e.Verify(ctx, view, report)
			return err
		},
	}[task]
	if do == nil {
		return nil, fmt.Errorf("there is no task %q", task)
	}
	v, err := e.view(view)
	if err != nil {
		return nil, err
	}
	if err := Migrate(ctx, e.DB); err != nil {
		return nil, err
	}
	s, release, err := e.tryHold(ctx, operationLease(v.Name))
	if err != nil {
		return nil, fmt.Errorf("%s of view %s: %w", task, view, err)
	}
	end := func() {
		_ = s.close()
		release()
	}
	if err := e.noteBegin(ctx, task, v.Name); err != nil {
		end()
		return nil, err
	}
	return func(ctx context.Context, report func(Progress)) (err error) {
		defer end()
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("%s of view %s: panic: %v", task, view, v)
			}
			err = errors.Join(err, e.noteEnd(context.WithoutCancel(ctx), view, err))
		}()
		return do(ctx, view, func(p Progress) {
			e.noteProgress(ctx, view, p)
			if report != nil {
				report(p)
			}
		})
	}, nil
}

func operationLease(view string) string { return "operation/" + view }

// tryHold is hold without waiting: the error is ErrRunning if another holds the lease.
func (e *Engine) tryHold(ctx context.Context, name string) (*session, func(), error) {
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return nil, nil, err
	}
	l := lease{name: name, owner: uuid.NewString(), db: e.DB}
	got, err := l.take(ctx, s)
	if err == nil && !got {
		err = ErrRunning
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, l.beat(ctx), nil
}

func (e *Engine) noteBegin(ctx context.Context, task Task, view string) error {
	_, err := e.DB.Exec(ctx, `INSERT INTO portal.operation (view, task) VALUES ($1, $2) ON CONFLICT (view) DO UPDATE SET task = $2, started = now(),
		ended = NULL, phase = '', events = 0, commit = 0, prepare = 0, head_commit = 0, head_prepare = 0, per_second = 0, seconds_left = 0, error = NULL, differs = false`,
		view, string(task))
	return err
}

// noteProgress is for people: what fails is tried again with the next progress.
func (e *Engine) noteProgress(ctx context.Context, view string, p Progress) {
	_, err := e.DB.Exec(ctx, `UPDATE portal.operation SET phase = $2, events = $3, commit = $4, prepare = $5, head_commit = $6, head_prepare = $7, per_second = $8,
		seconds_left = $9 WHERE view = $1`, view, p.Phase, p.Events, int64(p.Position.Commit), int64(p.Position.Prepare),
		int64(p.Head.Commit), int64(p.Head.Prepare), p.PerSecond, p.Left.Seconds()) //nolint:gosec // below 2^63 by ParsePosition and the stores
	if err != nil && ctx.Err() == nil {
		e.Log.Warn("progress can't be noted", "view", view, "error", err)
	}
}

func (e *Engine) noteEnd(ctx context.Context, view string, outcome error) error {
	var text *string
	var d *Difference
	if outcome != nil {
		s := outcome.Error()
		text = &s
	}
	_, err := e.DB.Exec(ctx, `UPDATE portal.operation SET ended = now(), seconds_left = 0, error = $2, differs = $3 WHERE view = $1`, view, text, errors.As(outcome, &d))
	return err
}

// Operations lists the last task of each view that had one.
func (e *Engine) Operations(ctx context.Context) ([]Operation, error) {
	rows, err := e.DB.Query(ctx, `SELECT view, task, started, COALESCE(ended, 'epoch'), phase, events, commit, prepare, head_commit, head_prepare, per_second, seconds_left,
		COALESCE(error, ''), differs, EXISTS (SELECT FROM portal.lease l JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_start = l.pid_started
			WHERE l.name = 'operation/' || o.view AND l.owner <> '' AND l.beat >= clock_timestamp() - $1::interval)
		FROM portal.operation o ORDER BY view`, leaseTTL)
	if err != nil {
		return nil, fmt.Errorf("operations: %w", err)
	}
	return pgx.CollectRows(rows, scanOperation)
}

func scanOperation(row pgx.CollectableRow) (o Operation, err error) {
	var at, head struct{ commit, prepare int64 }
	var left float64
	var held bool
	err = row.Scan(&o.View, &o.Task, &o.Started, &o.Ended, &o.Phase, &o.Events, &at.commit, &at.prepare, &head.commit, &head.prepare, &o.PerSecond, &left,
		&o.Error, &o.Differs, &held)
	o.Position = eventstore.Position{Commit: uint64(at.commit), Prepare: uint64(at.prepare)} //nolint:gosec // never negative
	o.Head = eventstore.Position{Commit: uint64(head.commit), Prepare: uint64(head.prepare)} //nolint:gosec // never negative
	o.Left = time.Duration(left * float64(time.Second))
	switch {
	case o.Ended.Unix() != 0 && o.Error == "":
		o.State = OperationDone
	case o.Ended.Unix() != 0:
		o.State = OperationFailed
	case held:
		o.State, o.Ended = OperationRunning, time.Time{}
	default:
		o.State, o.Ended = OperationInterrupted, time.Time{}
	}
	return o, err
}
