package portal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/users"
)

// watchEvery is how often is looked for what time has brought about.
const watchEvery = time.Minute

// listenFirst is how long the portal has answered before it says of a device that it is silent: while the portal was away, all were.
const listenFirst = time.Hour

// watcher raises notices of what no event tells, since only time has brought it about. It reads the views, so it may be a moment
// late. That it finds the same again, and that other portals find it, does no harm: each episode is one notice.
type watcher struct {
	commands *commands.Handler
	views    projections.Querier
	begun    time.Time                    // when the portal began to answer
	told     map[notice.ID]bool           // found at the last look, so that the log is not asked again
	failed   func(err error, what string) // what could not be told is told at the next look
}

// watch looks every minute until the context ends.
func (p *Portal) watch(ctx context.Context) {
	w := &watcher{commands: p.commands, views: p.readers, begun: time.Now(), failed: func(err error, what string) {
		if ctx.Err() == nil {
			p.cfg.Log.Warn("what time has brought about can't be told just now", "what", what, "err", err)
		}
	}}
	if err := p.WaitCaughtUp(ctx); err != nil {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.look(ctx, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look raises what is news at a moment.
func (w *watcher) look(ctx context.Context, now time.Time) {
	after := now.Add(-notice.Recent)
	var found []notice.Raise
	for what, find := range map[string]func(context.Context, time.Time, time.Time) ([]notice.Raise, error){
		"devices": w.devices, "licenses": w.licenses, "invitations": w.invitations,
	} {
		more, err := find(ctx, after, now)
		if err != nil {
			w.failed(err, what)
		}
		found = append(found, more...)
	}
	told := make(map[notice.ID]bool, len(found))
	for _, c := range found {
		id := commands.NoticeID(c.Tenant, c.Kind, c.Subject, c.Episode)
		if !w.told[id] {
			c.At = now
			rq := commands.Request{Actor: domain.SystemActor("watch", c.Tenant), At: now, ID: uuid.New()}
			if err := commands.Tell(ctx, w.commands, rq, c); err != nil {
				w.failed(err, string(c.Kind))
				continue
			}
		}
		told[id] = true
	}
	w.told = told
}

func (w *watcher) devices(ctx context.Context, after, now time.Time) (found []notice.Raise, err error) {
	kinds := map[devices.LapseKind]domain.Notice{devices.Outdated: domain.NoticeOutdated, devices.Uncleaned: domain.NoticeCleaningFailed}
	if now.Sub(w.begun) >= listenFirst {
		kinds[devices.NotSeen] = domain.NoticeNotSeen
	}
	for lapse, kind := range kinds {
		list, findErr := devices.FindLapses(ctx, w.views, lapse, after, now)
		err = errors.Join(err, findErr)
		for _, l := range list {
			c := notice.Raise{
				Tenant: l.Tenant, Kind: kind, Happened: l.Crossed, Episode: instantOf(l.Since),
				Subject: notice.Subject{Customer: l.Customer, License: l.License, Group: l.Group, Device: l.Device},
				Facts:   notice.Facts{Name: l.Name, Since: l.Since, Threat: l.Virus, Path: l.Path},
			}
			if l.Threat != "" {
				c.Episode = l.Threat
			}
			found = append(found, c)
		}
	}
	return found, err
}

func (w *watcher) licenses(ctx context.Context, after, now time.Time) (found []notice.Raise, err error) {
	list, err := licenses.FindEnding(ctx, w.views, after, now)
	for _, l := range list {
		c := notice.Raise{
			Tenant: l.Tenant, Kind: domain.NoticeLicenseExpired, Happened: l.Until, Episode: instantOf(l.Until),
			Subject: notice.Subject{Customer: l.Customer, License: l.License}, Facts: notice.Facts{Name: l.Name, Until: l.Until},
		}
		if l.Until.After(now) {
			days, reached := notice.ExpiryStep(l.Until, now, l.ExpiringDays)
			c.Kind, c.Happened, c.Facts.Days = domain.NoticeLicenseExpiring, reached, days
			c.Episode += " " + strconv.Itoa(days)
		}
		found = append(found, c)
	}
	return found, err
}

func (w *watcher) invitations(ctx context.Context, after, now time.Time) (found []notice.Raise, err error) {
	list, err := users.FindLapsed(ctx, w.views, after, now)
	for _, l := range list {
		found = append(found, notice.Raise{
			Tenant: l.Tenant, Kind: domain.NoticeInvitationExpired, Happened: l.Until, Episode: instantOf(l.Until),
			Subject: notice.Subject{Customer: l.Customer, User: l.User}, Facts: notice.Facts{Until: l.Until},
		})
	}
	return found, err
}

// instantOf names an episode by when it began.
func instantOf(t time.Time) string { return domain.Instant(t).Format(time.RFC3339Nano) }
