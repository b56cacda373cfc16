package rsp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"avportal/commands"
	"avportal/domain"
	rspsync "avportal/domain/sync"
)

// When the next synchronization is due: after one that came to its end, and after one that was broken off.
const (
	every = 24 * time.Hour
	again = 15 * time.Minute
)

const (
	leaseLife   = time.Minute // a portal that has not been heard of for so long is taken for dead
	reportEvery = time.Second
	atOnce      = 8   // commands
	maxProblems = 100 // that are kept of one synchronization
)

const (
	triggerSignIn = rspsync.SignIn
	triggerDaily  = rspsync.Daily
	triggerDemand = rspsync.Demand
)

// job is a synchronization to be done.
type job struct {
	tenant  domain.Tenant
	id      uuid.UUID
	trigger rspsync.Trigger
	person  string // who has asked for it, if anybody
}

// Synchronize begins a synchronization that somebody asks for; rq.ID names it. It goes on in the background.
func (p *Portal) Synchronize(ctx context.Context, rq commands.Request) error {
	if !p.Configured() {
		return ErrNotConfigured
	}
	connected, err := p.grants.connected(ctx, rq.Actor.Tenant)
	if err == nil && !connected {
		err = ErrNotConnected
	}
	if err != nil {
		return err
	}
	return p.begin(ctx, job{tenant: rq.Actor.Tenant, id: rq.ID, trigger: triggerDemand, person: rq.Actor.ID})
}

// RunDue does what is due, one reseller after the other.
func (p *Portal) RunDue(ctx context.Context) error {
	if !p.Configured() {
		return nil
	}
	rows, err := p.DB.Query(ctx, `SELECT tenant FROM vault.rsp_sync JOIN vault.rsp_grant USING (tenant)
		WHERE sealed IS NOT NULL AND due_at <= $1 AND lease < $1 ORDER BY due_at`, p.Now())
	if err != nil {
		return err
	}
	tenants, err := pgx.CollectRows(rows, pgx.RowTo[domain.Tenant])
	for _, t := range tenants {
		j, claimed, claimErr := p.claim(ctx, job{tenant: t, trigger: triggerDaily})
		if claimed {
			p.run(ctx, j)
		}
		err = errors.Join(err, claimErr)
	}
	return err
}

func (p *Portal) begin(ctx context.Context, j job) error {
	j, claimed, err := p.claim(ctx, j)
	if err == nil && !claimed {
		err = ErrRunning
		if j.trigger == triggerSignIn {
			err = nil
		}
	}
	if claimed {
		p.Go(func(background context.Context) { p.run(background, j) })
	}
	return err
}

// claim makes this portal the one that works on a reseller. One that the same intent has begun before is not begun again.
func (p *Portal) claim(ctx context.Context, j job) (job, bool, error) {
	if j.id == uuid.Nil {
		j.id = uuid.New()
	}
	now := p.Now()
	tag, err := p.DB.Exec(ctx, `UPDATE vault.rsp_sync SET sync = $2, trigger = $3, started_at = $4, finished_at = NULL, total = 0, done = 0,
		outcome = '{}', problems = '[]', lease = $5 WHERE tenant = $1 AND lease < $4 AND sync <> $2`,
		j.tenant, j.id.String(), j.trigger, now, now.Add(leaseLife))
	if err != nil || tag.RowsAffected() == 1 {
		return j, err == nil, err
	}
	var same bool
	err = p.DB.QueryRow(ctx, `SELECT EXISTS (SELECT FROM vault.rsp_sync WHERE tenant = $1 AND sync = $2)`, j.tenant, j.id.String()).Scan(&same)
	if same {
		j.trigger = triggerSignIn // an old intent comes again: no refusal
	}
	return j, false, err
}

// run takes over whatever the Reseller Portal lists. What it no longer lists stays as it is.
func (p *Portal) run(ctx context.Context, j job) {
	t := takeover{h: p.Commands, tenant: j.tenant, id: j.id, actor: actorFor(j.tenant, j.person), at: p.Now()}
	rq := commands.Request{Actor: t.actor, At: t.at, ID: j.id}
	r := &report{portal: p, job: j}
	_, err := commands.Do[rspsync.State](ctx, p.Commands, rq, rspsync.Start{Tenant: j.tenant, Sync: rspsync.ID(j.id.String()), Trigger: j.trigger, At: t.at})
	if err == nil {
		err = p.takeOverAll(ctx, t, r)
	}
	if ctx.Err() != nil {
		return // the process closes; the lease runs out, and another one goes on
	}
	if err != nil {
		r.outcome.Failure = codeOf(err)
		p.Log.WarnContext(ctx, "synchronization with the Reseller Portal broken off", "tenant", j.tenant, "sync", j.id, "err", err)
	}
	finish := rspsync.Finish{Tenant: j.tenant, Sync: rspsync.ID(j.id.String()), Outcome: r.outcome, At: p.Now()}
	if _, err := commands.Do[rspsync.State](ctx, p.Commands, rq.Derive("finish"), finish); err != nil {
		p.Log.WarnContext(ctx, "the end of a synchronization can't be noted", "tenant", j.tenant, "err", err)
	}
	r.finish(ctx)
}

func (p *Portal) takeOverAll(ctx context.Context, t takeover, r *report) error {
	c, err := p.grants.client(ctx, t.tenant)
	if err != nil {
		return err
	}
	licenses, err := c.licenses(ctx)
	if err != nil {
		return connection(err)
	}
	accounts, err := c.accounts(ctx)
	if err != nil {
		return connection(err)
	}
	// A customer comes with his first license.
	accounts = slices.DeleteFunc(accounts, func(a Account) bool {
		return !slices.ContainsFunc(licenses, func(l License) bool { return l.Account == a.ID })
	})
	r.expect(ctx, len(accounts), len(licenses))
	err = each(ctx, accounts, func(ctx context.Context, a Account) error {
		res, err := t.account(ctx, a)
		return r.note(ctx, "customer", a.ID, res, err)
	})
	if err != nil {
		return err
	}
	return each(ctx, licenses, func(ctx context.Context, l License) error {
		res, err := t.license(ctx, l)
		return r.note(ctx, "license", l.ID, res, err)
	})
}

// each does something with all items, several at once, until the first error.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, item) })
	}
	return g.Wait()
}

// connection is what an error of the API means to people.
func connection(err error) error {
	if errors.Is(err, errRefused) {
		return errors.Join(ErrNotConnected, err)
	}
	return err
}

// codeOf is the code of a refusal, for the log.
func codeOf(err error) string {
	var refusal *domain.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return "internal"
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return b
}
