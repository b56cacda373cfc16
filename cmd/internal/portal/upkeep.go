package portal

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/devices"
	"avportal/projections/users"
)

// How often requests whose time is over are looked for, how many are ended at a time, and how often last contacts are
// brought in line with the devices there are.
const (
	expireEvery    = time.Minute
	expireLimit    = 500
	reconcileEvery = 24 * time.Hour
	logsEvery      = time.Hour   // how often logs of devices that are too old are dropped
	resellerEvery  = time.Minute // how often is looked for resellers whose synchronization is due
)

// upkeep does what is due now and then, until the context ends. Two portals that do it at once do no harm.
func (p *Portal) upkeep(ctx context.Context) {
	if err := p.WaitCaughtUp(ctx); err != nil {
		p.cfg.Log.Warn("upkeep begins although the views are behind", "err", err)
	}
	p.reconcileContacts(ctx)
	p.forgetErased(ctx)
	expire, reconcile, reseller := time.NewTicker(expireEvery), time.NewTicker(reconcileEvery), time.NewTicker(resellerEvery)
	defer expire.Stop()
	defer reconcile.Stop()
	defer reseller.Stop()
	logs := time.NewTicker(logsEvery)
	defer logs.Stop()
	for {
		select {
		case <-expire.C:
			p.expireRequests(ctx)
		case <-reconcile.C:
			p.reconcileContacts(ctx)
			p.forgetErased(ctx)
			p.forgetSessions(ctx)
			p.forgetMails(ctx)
		case <-logs.C:
			p.forgetLogs(ctx)
		case <-reseller.C:
			p.synchronize(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// synchronize takes over from the Reseller Portal what is due.
func (p *Portal) synchronize(ctx context.Context) {
	if err := p.reseller.RunDue(ctx); err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("resellers that are due can't be synchronized", "err", err)
	}
}

func (p *Portal) forgetSessions(ctx context.Context) {
	if err := p.signin.Sessions.Clear(ctx); err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("old sessions can't be forgotten", "err", err)
	}
}

func (p *Portal) forgetLogs(ctx context.Context) {
	if err := p.logs.Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("old logs of devices can't be dropped", "err", err)
	}
}

func (p *Portal) reconcileContacts(ctx context.Context) {
	if err := devices.Reconcile(ctx, p.writers); err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("last contacts can't be brought in line with the devices", "err", err)
	}
}

// forgetErased destroys the keys, and the accounts, of people who were erased and whose keys are there again, since an older backup
// of the vault was restored.
func (p *Portal) forgetErased(ctx context.Context) {
	again, err := users.Readable(ctx, p.writers)
	for _, m := range again {
		err = errors.Join(err, commands.ForgetMember(ctx, p.commands, m.Tenant, m.User), p.signin.Forget(ctx, m.Tenant, m.User))
	}
	if err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("keys of people who were erased can't be destroyed just now", "err", err)
	}
}

// expireRequests ends what devices were asked to do and have not done in time. The view only says where to look; the
// decision is the device's.
func (p *Portal) expireRequests(ctx context.Context) {
	now := time.Now()
	overdue, err := devices.FindOverdue(ctx, p.readers, now, device.RequestLifetime, expireLimit)
	if err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("overdue requests can't be looked up", "err", err)
	}
	for _, d := range overdue {
		rq := commands.Request{Actor: domain.SystemActor("expire requests", d.Tenant), At: now, ID: uuid.New()}
		if _, err := commands.Do[device.State](ctx, p.commands, rq, device.Expire{Tenant: d.Tenant, Device: d.Device, At: now}); err != nil {
			p.cfg.Log.Warn("overdue requests can't be ended", "device", d.Device, "err", err)
		}
	}
}
