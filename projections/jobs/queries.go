package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/job"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// State is where a job stands.
type State string

// The states of a job.
const (
	Accepted State = "accepted" // no result yet
	Running  State = "running"
	Finished State = "finished"
)

// Job is one job as the portal shows it. Times are UTC.
type Job struct {
	ID         job.ID
	Action     job.Action
	State      State
	Group      domain.GroupID // that devices are moved to; its name is in the view of licenses
	Profile    string         // of a scan
	Undoes     job.ID         // the job that is undone; empty: none
	Actor      domain.ActorKind
	ActorID    string
	Total      int
	Done       int // with a result
	Failed     int // results that are refusals
	AcceptedAt time.Time
	FinishedAt time.Time // zero: not yet
}

// Page is one page of jobs. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []Job
	Next  string
}

// Filter narrows the list of jobs. The zero value shows all.
type Filter struct {
	States  []State
	Actions []job.Action
}

const columns = "j.job, j.action, j.group_id, j.profile, j.undoes, j.actor, j.actor_id, j.total, j.done, j.failed, j.accepted_at, j.finished_at"

// List answers one page of the jobs within a reach, newest first. Who is limited to a customer sees the jobs that were
// accepted for this customer's people only. The error is page.ErrCursor for a cursor of another list.
func List(ctx context.Context, db projections.Querier, scope domain.Scope, f Filter, p page.Paging) (Page, error) {
	of := page.Of{List: "jobs", Scope: scope, Filter: f}
	after, err := page.ParseMark[job.ID](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	s := within(scope)
	if len(f.Actions) > 0 {
		s.And("j.action = ANY(?)", f.Actions)
	}
	sqltext.AnyOf(s, f.States, condition)
	if after != nil {
		s.And("(j.accepted_at, j.job) < (?, ?)", after.At, after.ID)
	}
	limit := page.Limit(p.Limit)
	list, err := query(ctx, db, s, fmt.Sprintf(" ORDER BY j.accepted_at DESC, j.job DESC LIMIT %d", limit+1))
	if err != nil || len(list) <= limit {
		return Page{Items: list}, err
	}
	last := list[limit-1]
	next, err := page.Mark[job.ID]{At: last.AcceptedAt, ID: last.ID}.Cursor(of)
	return Page{Items: list[:limit], Next: next}, err
}

// Get answers one job. The error is domain.ErrNotFound for one that is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, id job.ID) (Job, error) {
	s := within(scope)
	s.And("j.job = ?", id)
	list, err := query(ctx, db, s, "")
	if err == nil && len(list) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Job{}, err
	}
	return list[0], nil
}

func within(scope domain.Scope) *sqltext.Statement {
	s := &sqltext.Statement{}
	s.And("j.tenant = ?", scope.Tenant)
	if scope.Customer != "" {
		s.And("j.customer = ?", scope.Customer)
	}
	return s
}

func condition(v State) string {
	const ended = "j.finished_at > '0001-01-02 00:00:00Z'"
	switch v {
	case Accepted:
		return "(NOT " + ended + " AND j.done = 0)"
	case Running:
		return "(NOT " + ended + " AND j.done > 0)"
	case Finished:
		return "(" + ended + ")"
	}
	return "false"
}

func query(ctx context.Context, db projections.Querier, s *sqltext.Statement, rest string) ([]Job, error) {
	rows, err := db.Query(ctx, "SELECT "+columns+" FROM job j WHERE "+s.Conditions()+rest, s.Args()...)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Job, error) {
		var j Job
		err := row.Scan(&j.ID, &j.Action, &j.Group, &j.Profile, &j.Undoes, &j.Actor, &j.ActorID, &j.Total, &j.Done, &j.Failed, &j.AcceptedAt, &j.FinishedAt)
		j.AcceptedAt = j.AcceptedAt.UTC()
		switch {
		case !j.FinishedAt.IsZero():
			j.State, j.FinishedAt = Finished, j.FinishedAt.UTC()
		case j.Done > 0:
			j.State, j.FinishedAt = Running, time.Time{}
		default:
			j.State, j.FinishedAt = Accepted, time.Time{}
		}
		return j, err
	})
}
