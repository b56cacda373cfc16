package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/domain/notice"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

const telling = "tell people"

// Tell raises a notice, whose id it makes of the tenant, the kind, the subject and the episode: the same again is already so, whoever
// finds it.
func Tell(ctx context.Context, h *Handler, rq Request, c notice.Raise) error {
	c.Notice = NoticeID(c.Tenant, c.Kind, c.Subject, c.Episode)
	_, err := Do[notice.State](ctx, h, rq, c)
	return err
}

// NoticeID is the id of the notice that tells of an episode.
func NoticeID(t domain.Tenant, kind domain.Notice, s notice.Subject, episode string) notice.ID {
	space, err := uuid.Parse(string(t))
	if err != nil {
		return "" // which no command accepts
	}
	l := s.License
	if s.Device != "" {
		l = "" // the device may change its license while the episode lasts
	}
	name := strings.Join([]string{"notice", string(kind), string(l), string(s.Device), string(s.User), episode}, "\x00")
	return notice.ID(uuid.NewSHA1(space, []byte(name)).String())
}

// TellOf raises the notice that an event gives rise to, if it does. It is a policy: an event that comes again tells nothing new.
func TellOf(ctx context.Context, h *Handler, r eventstore.Recorded, now time.Time) error {
	if !notice.IsNews(r.At, now) {
		return nil
	}
	c := notice.Raise{Tenant: r.Stream.Tenant, Episode: r.ID.String(), Happened: r.At, At: now}
	var err error
	switch e := r.Event.(type) {
	case license.Activated:
		err = h.seatsCrossed(ctx, &c, r, e.License, func(seats int) (before, after use) {
			return use{e.Used - 1, seats}, use{e.Used, seats}
		})
	case license.SeatsChanged:
		err = h.seatsCrossed(ctx, &c, r, e.License, func(int) (before, after use) {
			return use{e.Used, e.From}, use{e.Used, e.To}
		})
	default:
		if !aboutDevice(&c, r) {
			return nil
		}
		err = h.describeDevice(ctx, &c, r.Event)
	}
	if err != nil || c.Kind == "" {
		return err
	}
	rq := reaction(r, telling)
	rq.At = now
	return Tell(ctx, h, rq, c)
}

// aboutDevice fills in what a device's event tells, and reports whether it gives rise to a notice.
func aboutDevice(c *notice.Raise, r eventstore.Recorded) bool {
	switch e := r.Event.(type) {
	case device.ThreatFound:
		// What one report or one scan tells of one virus is one infection, in however many files.
		c.Kind, c.Episode = domain.NoticeVirusFound, r.Meta.Correlation.String()+" "+e.Name
		c.Subject.Device, c.Facts = e.Device, notice.Facts{Threat: e.Name, Path: e.Path, Action: e.Action}
	case device.GuardsChanged:
		c.Kind, c.Subject.Device, c.Facts.Guards = domain.NoticeGuardOff, e.Device, e.From.SwitchedOff(e.To)
		return len(c.Facts.Guards) > 0
	case device.Enrolled:
		c.Kind, c.Subject.Device = domain.NoticeInstalled, e.Device
	case device.Removed:
		c.Kind, c.Subject.Device = domain.NoticeRemoved, e.Device
	case device.RequestCompleted:
		c.Kind, c.Subject.Device = domain.NoticeCommandFailed, e.Device
		c.Facts = notice.Facts{Request: string(e.Kind), Code: e.Code, Detail: e.Detail}
		return !e.OK
	case device.RequestAborted:
		c.Kind, c.Subject.Device = domain.NoticeCommandFailed, e.Device
		c.Facts = notice.Facts{Request: string(e.Kind), Code: string(e.Reason)}
		return e.Reason == device.AbortedByTime || e.Reason == device.AbortedBySilence
	default:
		return false
	}
	return true
}

// describeDevice fills in where a device stands and what it is called. A threat that was found long ago and is gone is history, though
// the portal has just heard of it: the kind is taken away.
func (h *Handler) describeDevice(ctx context.Context, c *notice.Raise, e domain.Event) error {
	id := c.Subject.Device
	err := Inspect(ctx, h, device.Stream(c.Tenant, id), func(s device.State, _ eventstore.Revision) {
		c.Subject.Customer, c.Subject.License, c.Subject.Group = s.Scope().Customer, s.License(), s.Group()
		c.Facts.Name = s.Label()
		if t, ok := e.(device.ThreatFound); ok && !t.FoundAt.IsZero() && !notice.IsNews(t.FoundAt, c.At) && !s.HasThreat(t.Threat) {
			c.Kind = ""
		}
	})
	if err != nil || c.Facts.Name != "" || c.Kind == "" {
		return err
	}
	for r, err := range h.store.Read(ctx, device.TelemetryStream(c.Tenant, id), eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			return err
		}
		if e, ok := r.Event.(device.Observed); ok {
			c.Facts.Name = e.Facts.Hostname
		}
	}
	if c.Facts.Name != "" {
		return nil
	}
	for r, err := range h.store.Read(ctx, device.Stream(c.Tenant, id), eventstore.Start, eventstore.Forward, 1) {
		if err != nil {
			return err
		}
		if e, ok := r.Event.(device.Enrolled); ok {
			c.Facts.Name = e.Facts.Hostname
		}
	}
	return nil
}

// use is how many seats of how many are in use.
type use struct{ used, seats int }

// seatsCrossed fills in that a license has become nearly or fully used up by what changed. The reseller's threshold says what is
// nearly. A device that comes and goes at the threshold is told of once a day.
func (h *Handler) seatsCrossed(
	ctx context.Context, c *notice.Raise, r eventstore.Recorded, l domain.LicenseID, change func(seats int) (before, after use),
) error {
	percent, limited := domain.DefaultThresholds().SeatsPercent, false
	var seats int
	err := Inspect(ctx, h, license.Stream(c.Tenant, l), func(s license.State, _ eventstore.Revision) {
		limited, seats = s.Kind() == license.Purchase, s.Seats()
		c.Subject, c.Facts.Name = notice.Subject{Customer: s.Scope().Customer, License: l}, s.Name()
	})
	if err != nil || !limited {
		return err
	}
	err = Inspect(ctx, h, reseller.Stream(c.Tenant), func(s reseller.State, _ eventstore.Revision) {
		if s.Exists() {
			percent = s.Thresholds().SeatsPercent
		}
	})
	if err != nil || crossing(change, seats, percent) == "" {
		return err
	}
	if seats, err = h.seatsAt(ctx, r); err != nil { // the number of now may not be that of then
		return err
	}
	_, after := change(seats)
	c.Kind, c.Facts.Seats, c.Facts.Used = crossing(change, seats, percent), after.seats, after.used
	c.Episode = fmt.Sprintf("%d %s", after.seats, r.At.UTC().Format(time.DateOnly))
	return nil
}

// crossing is the notice that a change gives rise to; empty if it does not make things worse.
func crossing(change func(seats int) (before, after use), seats, percent int) domain.Notice {
	before, after := change(seats)
	was, is := before.level(percent), after.level(percent)
	if is == was || was == domain.NoticeSeatsUsedUp {
		return ""
	}
	return is
}

func (u use) level(percent int) domain.Notice {
	switch {
	case u.used >= u.seats:
		return domain.NoticeSeatsUsedUp
	case u.used*100 >= u.seats*percent:
		return domain.NoticeSeatsNearlyUsedUp
	}
	return ""
}

// seatsAt is the number of seats that a license had at an event of its stream.
func (h *Handler) seatsAt(ctx context.Context, r eventstore.Recorded) (int, error) {
	for r, err := range h.store.Read(ctx, r.Stream, r.Revision, eventstore.Backward, 0) {
		if err != nil {
			return 0, err
		}
		switch e := r.Event.(type) {
		case license.SeatsChanged:
			return e.To, nil
		case license.Imported:
			return e.Seats, nil
		}
	}
	return 0, domain.ErrNotFound
}
