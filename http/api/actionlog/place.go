package actionlog

import (
	"context"
	"errors"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/license"
	"avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/profile"
	"avportal/domain/session"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
)

// Place is where the subject of an event stands in the hierarchy.
type Place struct {
	Customer domain.CustomerID
	License  domain.LicenseID
	Group    domain.GroupID
	Device   domain.DeviceID
}

// places knows where subjects stood at each revision of their streams. What it knows never changes, since history does
// not; of a device it learns more as the stream grows.
type places struct {
	store eventstore.Store
	known *lru.Cache[domain.Stream, path]
	names *lru.Cache[domain.Stream, named]
}

// path is where the subject of one stream stood, and from which revision on.
type path struct {
	steps []step
	upTo  eventstore.Revision // what of the stream is contained
}

type step struct {
	from  eventstore.Revision
	place Place
}

type named struct {
	name  string
	until time.Time
}

func newPlaces(store eventstore.Store) *places {
	const size = 20_000
	known, err1 := lru.New[domain.Stream, path](size)
	names, err2 := lru.New[domain.Stream, named](size)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // the size is positive
	}
	return &places{store: store, known: known, names: names}
}

// of tells where the subject of an event stood when it happened. Of a move, it is the place moved to.
func (p *places) of(ctx context.Context, r eventstore.Recorded) (Place, error) {
	s := r.Stream
	if s.Telemetry { // what it tells holds wherever the device stands by now
		s.Telemetry = false
		return p.at(ctx, s, eventstore.End)
	}
	return p.at(ctx, s, r.Revision)
}

func (p *places) at(ctx context.Context, s domain.Stream, revision eventstore.Revision) (Place, error) {
	switch s.Kind {
	case domain.KindReseller:
		return Place{}, nil
	case domain.KindCustomer:
		return Place{Customer: domain.CustomerID(s.ID)}, nil
	}
	known, ok := p.known.Get(s)
	if !ok {
		known.upTo = eventstore.NoStream
	}
	if known.upTo < revision {
		var err error
		if known, err = p.follow(ctx, s, known); err != nil {
			return Place{}, err
		}
		p.known.Add(s, known)
	}
	at := Place{}
	for _, step := range known.steps {
		if step.from <= revision {
			at = step.place
		}
	}
	return at, nil
}

// follow reads on where the path ends. Devices move and profiles change hands; of all others the first event tells everything.
func (p *places) follow(ctx context.Context, s domain.Stream, known path) (path, error) {
	limit := 0
	if s.Kind != domain.KindDevice && s.Kind != domain.KindProfile {
		limit = 1
	}
	steps := slices.Clip(known.steps)
	for r, err := range p.store.Read(ctx, s, known.upTo+1, eventstore.Forward, limit) {
		if err != nil {
			return path{}, err
		}
		if place, ok := placeIn(r.Event); ok {
			steps = append(steps, step{r.Revision, place})
		}
		known.upTo = r.Revision
	}
	if limit == 1 && known.upTo >= 0 {
		known.upTo = eventstore.End
	}
	known.steps = steps
	return known, nil
}

// placeIn is the place that an event puts its subject at.
func placeIn(e domain.Event) (Place, bool) {
	switch e := e.(type) {
	case license.Imported:
		return Place{Customer: e.Customer, License: e.License}, true
	case group.MainCreated:
		return Place{Customer: e.Customer, License: e.License}, true
	case job.Accepted:
		return Place{Customer: e.Customer}, true
	case session.Begun:
		return Place{Customer: e.Customer}, true
	case session.Refused:
		return Place{Customer: e.Customer}, true
	case mail.Sent:
		return Place{Customer: e.Customer}, true
	case mail.Failed:
		return Place{Customer: e.Customer}, true
	case user.Invited:
		return Place{Customer: e.Customer}, true
	case user.Admitted:
		return Place{Customer: e.Customer}, true
	case notice.Raised:
		return Place{Customer: e.Subject.Customer, License: e.Subject.License, Group: e.Subject.Group, Device: e.Subject.Device}, true
	case token.Created:
		return Place{Customer: e.Customer}, true
	case profile.Created:
		return Place{Customer: e.Customer}, true
	case profile.OwnerChanged:
		return Place{Customer: e.To}, true
	case device.Enrolled:
		return Place{Customer: e.Customer, License: e.License, Group: e.Group, Device: e.Device}, true
	case device.Moved:
		return Place{Customer: e.ToCustomer, License: e.ToLicense, Group: e.ToGroup, Device: e.Device}, true
	}
	return Place{}, false
}

// DeviceName is the host name that a device told last; empty if it never did. It may be a minute old.
func (l *Log) DeviceName(ctx context.Context, t domain.Tenant, id domain.DeviceID) (string, error) {
	p, s := l.places, device.Stream(t, id)
	now := time.Now()
	if n, ok := p.names.Get(s); ok && now.Before(n.until) {
		return n.name, nil
	}
	name := ""
	for r, err := range p.store.Read(ctx, device.TelemetryStream(t, id), eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			return "", err
		}
		if o, ok := r.Event.(device.Observed); ok {
			name = o.Facts.Hostname
		}
	}
	if name == "" {
		for r, err := range p.store.Read(ctx, s, eventstore.Start, eventstore.Forward, 1) {
			if err != nil {
				return "", err
			}
			if e, ok := r.Event.(device.Enrolled); ok {
				name = e.Facts.Hostname
			}
		}
	}
	p.names.Add(s, named{name, now.Add(time.Minute)})
	return name, nil
}
