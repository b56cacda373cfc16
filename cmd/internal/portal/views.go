package portal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/profile"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/dashboard"
	"avportal/projections/devices"
	"avportal/projections/jobs"
	"avportal/projections/licenses"
	"avportal/projections/notices"
	"avportal/projections/profiles"
	"avportal/projections/sqlview"
	"avportal/projections/users"
)

// Views are the read models of the portal.
func Views() []projections.View {
	return []projections.View{dashboard.View, licenses.View, devices.View, jobs.View, users.View, profiles.View, notices.View}
}

// PastViews are those of them that can be read as they were at a moment.
func PastViews() []projections.View {
	return []projections.View{dashboard.View, licenses.View, devices.View, users.View, profiles.View}
}

// settleDelay is how old an event must be before what it may have left half done is settled: longer than any command takes.
const settleDelay = 30 * time.Second

// policies are the portal's own reactions to events.
func (p *Portal) policies() []projections.Policy {
	return []projections.Policy{
		{Name: "run jobs", React: func(ctx context.Context, r eventstore.Recorded) error {
			return commands.RunJob(ctx, p.commands, r)
		}},
		{Name: "forget contacts", React: func(_ context.Context, r eventstore.Recorded) error {
			if e, ok := r.Event.(device.Removed); ok {
				p.seen.Forget(r.Stream.Tenant, e.Device)
			}
			return nil
		}},
		{Name: "forget logs", React: func(ctx context.Context, r eventstore.Recorded) error {
			switch e := r.Event.(type) {
			case device.Removed:
				return p.logs.ForgetDevice(ctx, r.Stream.Tenant, e.Device)
			case customer.LogConsentEnded:
				return p.logs.ForgetCustomer(ctx, domain.Scope{Tenant: r.Stream.Tenant, Customer: e.Customer})
			}
			return nil
		}},
		{Name: "end sessions", React: p.signin.Follow},
		{Name: "send mails", React: p.mailer.Follow},
		{Name: "queue webhooks", React: p.webhooks.Follow},
		{Name: "forget secrets", React: func(ctx context.Context, r eventstore.Recorded) error {
			if e, ok := r.Event.(profile.Deleted); ok {
				return p.secrets.Forget(ctx, r.Stream.Tenant, e.Profile)
			}
			return nil
		}},
		{Name: "forget erased people", React: func(ctx context.Context, r eventstore.Recorded) error {
			err := errors.Join(commands.ForgetErased(ctx, p.commands, r), p.signin.ForgetErased(ctx, r))
			if _, ok := r.Event.(user.Erased); ok && err == nil { // moments of the past that were built before tell his name
				err = p.engine.ForgetMoments(ctx, r.Stream.Tenant)
			}
			return err
		}},
		{Name: "revoke tokens", React: func(ctx context.Context, r eventstore.Recorded) error {
			e, ok := r.Event.(token.Revoked)
			if !ok {
				return nil
			}
			id, err := uuid.Parse(string(e.Token))
			if err == nil {
				err = p.tokens.Revoke(ctx, domain.Scope{Tenant: r.Stream.Tenant}, id)
			}
			if errors.Is(err, domain.ErrNotFound) { // it is revoked already, as a rule
				err = nil
			}
			return err
		}},
		{Name: "tell people", React: func(ctx context.Context, r eventstore.Recorded) error {
			return commands.TellOf(ctx, p.commands, r, time.Now())
		}},
		{Name: "settle", React: func(ctx context.Context, r eventstore.Recorded) error {
			if !commands.MaySettle(r) {
				return nil
			}
			select {
			case <-time.After(time.Until(r.At.Add(settleDelay))):
				return commands.SettleAfter(ctx, p.commands, r)
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	}
}

// startViews keeps views and policies up with the log, in the background.
func (p *Portal) startViews(_, background context.Context) (err error) {
	p.tail = eventstore.NewTail(p.store, p.cfg.Log)
	p.work.Go(func() { p.tail.Run(background) })
	p.work.Go(func() { p.commands.Follow(background, p.tail) })
	p.engine, err = projections.New(projections.Config{
		DB: p.workers, Store: p.store, Tail: p.tail, Views: Views(), Policies: p.policies(), Log: p.cfg.Log, MaxBatch: p.cfg.MaxBatch,
		VerifyEvery: p.cfg.VerifyEvery, KeepPrevious: p.cfg.KeepPrevious,
	})
	if err != nil {
		return err
	}
	p.work.Go(func() {
		if err := p.engine.Run(background); err != nil && background.Err() == nil {
			p.failed <- err
		}
	})
	past := p.engine.Config
	past.Views = PastViews()
	if p.past, err = projections.NewPast(background, past, p.pastRead); err != nil {
		return err
	}
	p.operator = projections.NewOperator(background, p.allViews)
	p.analysts = sqlview.NewManager(p.engine.Config)
	p.work.Go(func() { p.analysts.Run(background) })
	p.work.Go(func() { p.upkeep(background) })
	p.work.Go(func() { p.watch(background) })
	return nil
}

// allViews is an engine of all views that there are now, those of analysts included. It moves none.
func (p *Portal) allViews(ctx context.Context) (*projections.Engine, error) {
	added, err := sqlview.StoredViews(ctx, p.workers)
	if err != nil {
		return nil, err
	}
	c := p.engine.Config
	c.Views, c.Policies = append(Views(), added...), nil
	return projections.New(c)
}

// WaitCaughtUp waits until every view exists and has applied what the log holds now.
func (p *Portal) WaitCaughtUp(ctx context.Context) error {
	head, err := p.store.Head(ctx)
	if err != nil {
		return err
	}
	if err := p.waitBuilt(ctx); err != nil {
		return err
	}
	for _, v := range Views() {
		if _, err := p.engine.Await(ctx, p.readers, v.Name, head); err != nil {
			return err
		}
	}
	return nil
}

// waitBuilt waits until every view exists: on a first start, and after an upgrade, they are being built.
func (p *Portal) waitBuilt(ctx context.Context) error {
	for {
		all, err := p.engine.Status(ctx)
		if err == nil && !slices.ContainsFunc(all, func(s projections.Status) bool { return s.Version == 0 }) {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
