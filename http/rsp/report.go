package rsp

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/commands"
	"avportal/domain"
	rspsync "avportal/domain/sync"
)

// Problem is a customer or license that could not be taken over, and why.
type Problem struct {
	Kind   string `json:"kind"` // "customer" or "license"
	ID     string `json:"id"`   // in the Reseller Portal
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// report follows a synchronization and tells how far it is.
type report struct {
	portal *Portal
	job    job

	mu       sync.Mutex
	total    int
	done     int
	told     time.Time
	outcome  rspsync.Outcome
	problems []Problem
}

func (r *report) expect(ctx context.Context, accounts, licenses int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Accounts, r.outcome.Licenses, r.total = accounts, licenses, accounts+licenses
	r.tell(ctx)
}

// note counts what became of one customer or license. It answers the errors that break the whole off: those that are no
// refusal of this one.
func (r *report) note(ctx context.Context, kind, id string, res commands.Result, err error) error {
	var refusal *domain.Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Class == domain.Unavailable) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	switch {
	case refusal != nil:
		r.outcome.Refused++
		if len(r.problems) < maxProblems {
			r.problems = append(r.problems, Problem{Kind: kind, ID: id, Code: refusal.Code, Detail: refusal.Message})
		}
	case res.Events > 0:
		r.outcome.Changed++
	}
	if time.Since(r.told) > reportEvery {
		r.tell(ctx)
	}
	return nil
}

// tell keeps the lease, and says how far it is. That it can't does no harm: the next time it may.
func (r *report) tell(ctx context.Context) {
	r.told = time.Now()
	p := r.portal
	_, err := p.DB.Exec(ctx, `UPDATE vault.rsp_sync SET total = $3, done = $4, outcome = $5, problems = $6, lease = $7 WHERE tenant = $1 AND sync = $2`,
		r.job.tenant, r.job.id.String(), r.total, r.done, mustJSON(r.outcome), mustJSON(r.problems), p.Now().Add(leaseLife))
	if err != nil && ctx.Err() == nil {
		p.Log.WarnContext(ctx, "the progress of a synchronization can't be noted", "tenant", r.job.tenant, "err", err)
	}
}

func (r *report) finish(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, now := r.portal, r.portal.Now()
	due, succeeded := now.Add(every), &now
	if r.outcome.Failure != "" {
		due, succeeded = now.Add(again), nil
	}
	_, err := p.DB.Exec(ctx, `UPDATE vault.rsp_sync SET total = $3, done = $4, outcome = $5, problems = $6, finished_at = $7,
		succeeded_at = COALESCE($8, succeeded_at), due_at = $9, lease = 'epoch' WHERE tenant = $1 AND sync = $2`,
		r.job.tenant, r.job.id.String(), r.total, r.done, mustJSON(r.outcome), mustJSON(r.problems), now, succeeded, due)
	if err != nil {
		p.Log.WarnContext(ctx, "the end of a synchronization can't be noted", "tenant", r.job.tenant, "err", err)
	}
}

// Status is how the synchronization of a reseller stands.
type Status struct {
	Configured bool // there is a Reseller Portal
	Connected  bool // somebody has authorized us, and it is not known that this holds no longer

	Sync        string // the one that runs, or the last one; empty if there was none
	Trigger     rspsync.Trigger
	Running     bool
	StartedAt   time.Time
	FinishedAt  time.Time // zero while it runs
	SucceededAt time.Time // the last one that was not broken off
	DueAt       time.Time // the next one; zero if nothing is connected
	Total, Done int
	Outcome     rspsync.Outcome
	Problems    []Problem
}

// Status tells how the synchronization of a reseller stands.
func (p *Portal) Status(ctx context.Context, tenant domain.Tenant) (Status, error) {
	s := Status{Configured: p.Configured()}
	var err error
	if s.Connected, err = p.grants.connected(ctx, tenant); err != nil {
		return s, err
	}
	var started, finished, succeeded *time.Time
	var lease time.Time
	var outcome, problems []byte
	err = p.DB.QueryRow(ctx, `SELECT sync, trigger, started_at, finished_at, succeeded_at, due_at, lease, total, done, outcome, problems
		FROM vault.rsp_sync WHERE tenant = $1`, tenant).
		Scan(&s.Sync, &s.Trigger, &started, &finished, &succeeded, &s.DueAt, &lease, &s.Total, &s.Done, &outcome, &problems)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err == nil {
		err = errors.Join(json.Unmarshal(outcome, &s.Outcome), json.Unmarshal(problems, &s.Problems))
	}
	s.StartedAt, s.FinishedAt, s.SucceededAt = value(started), value(finished), value(succeeded)
	s.Running = started != nil && finished == nil && lease.After(p.Now())
	if !s.Connected {
		s.DueAt = time.Time{}
	}
	return s, err
}

func value(t *time.Time) (v time.Time) {
	if t != nil {
		v = t.UTC()
	}
	return v
}
