package portal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/devices"
)

// How often requests whose time is over are looked for, and how many are ended at a time.
const (
	expireEvery = time.Minute
	expireLimit = 500
)

// expireRequests ends what devices were asked to do and have not done in time. The view only says where to look; the
// decision is the device's. Two portals that do this at once decide the same, once.
func (p *Portal) expireRequests(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		overdue, err := devices.FindOverdue(ctx, p.readers, now, device.RequestLifetime, expireLimit)
		if err != nil {
			p.cfg.Log.Warn("overdue requests can't be looked up", "err", err)
			continue
		}
		for _, d := range overdue {
			rq := commands.Request{Actor: domain.SystemActor("expire requests", d.Tenant), At: now, ID: uuid.New()}
			if _, err := commands.Do[device.State](ctx, p.commands, rq, device.Expire{Tenant: d.Tenant, Device: d.Device, At: now}); err != nil {
				p.cfg.Log.Warn("overdue requests can't be ended", "device", d.Device, "err", err)
			}
		}
	}
}
