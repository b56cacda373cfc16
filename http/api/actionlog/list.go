package actionlog

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections/page"
)

// Bounds of one page: how many events it looks at, and for how long, before it answers with what it has found so far.
const (
	maxScanned = 4000
	maxScan    = 2 * time.Second
)

// Filter narrows the list of activities. The zero value shows all. Conditions are joined by "and", the values of one by "or".
type Filter struct {
	Customer domain.CustomerID
	License  domain.LicenseID
	Device   domain.DeviceID
	Actions  []string // of any event of the activity
	States   []device.RequestState
	Actors   []domain.ActorKind
	ActorID  string    // also on whose behalf
	Text     string    // in any case; see contains
	From, To time.Time // when it began: From or later, before To; zero for open
}

// Page is a part of the list. Next is the cursor of what follows, empty at the end of the log; ScannedTo is how far back
// the page has looked.
type Page struct {
	Items     []Activity
	Next      string
	ScannedTo time.Time
}

// List answers activities that an actor sees, newest first by their beginning. With a filter that matches seldom a page
// may be short or empty without being the last. The error is page.ErrCursor for a cursor of another list.
func (l *Log) List(ctx context.Context, a domain.Actor, f Filter, cursor string, limit int) (Page, error) {
	of := page.Of{List: "activities", Scope: domain.Scope{Tenant: a.Tenant, Customer: a.Customer}, Filter: f}
	key, err := of.Key(cursor, 1)
	if err != nil {
		return Page{}, err
	}
	s, from, err := l.scan(ctx, a, f, key)
	if err != nil || from == eventstore.NoStream {
		return Page{}, err
	}
	p, next, err := s.run(ctx, from, page.Limit(limit))
	if err == nil && next >= 0 {
		p.Next, err = of.Cursor(strconv.FormatInt(int64(next), 10))
	}
	return p, err
}

// scan begins to look for activities: behind a cursor's key, or where the filter's period ends. From is NoStream if there is
// nothing.
func (l *Log) scan(ctx context.Context, a domain.Actor, f Filter, key []string) (s *scan, from eventstore.Revision, err error) {
	s = &scan{Log: l, actor: a, actors: l.Actors(a), filter: f, text: domain.Fold(f.Text), known: map[uuid.UUID]*activity{}}
	if f.Device != "" {
		visible, err := l.deviceVisible(ctx, a, f.Device)
		if err != nil || !visible {
			return nil, eventstore.NoStream, err
		}
	}
	from, err = s.begin(ctx, key)
	return s, from, err
}

func (l *Log) deviceVisible(ctx context.Context, a domain.Actor, id domain.DeviceID) (visible bool, err error) {
	err = commands.Inspect(ctx, l.commands, device.Stream(a.Tenant, id), func(s device.State, _ eventstore.Revision) {
		visible = s.Exists() && a.Sees(s.Scope())
	})
	return visible, err
}

// scan is one page being looked for.
type scan struct {
	*Log
	actor  domain.Actor
	actors *Actors
	filter Filter
	text   string                  // of the filter, folded
	known  map[uuid.UUID]*activity // that were met on this page
}

// activity is what was read of one, once per page.
type activity struct {
	all, seen []eventstore.Recorded
	whole     bool
	first     uuid.UUID // the event at which it is told
}

// read goes backward through the stream that serves the filter best. at gives an event's revision in that stream.
func (s *scan) read(ctx context.Context, from eventstore.Revision, limit int) (events iter.Seq2[eventstore.Recorded, error], at func(eventstore.Recorded) eventstore.Revision) {
	if s.filter.Device != "" {
		return s.store.Read(ctx, device.Stream(s.actor.Tenant, s.filter.Device), from, eventstore.Backward, limit),
			func(r eventstore.Recorded) eventstore.Revision { return r.Revision }
	}
	return s.store.ReadLinks(ctx, "$ce-"+string(s.actor.Tenant), from, eventstore.Backward, limit),
		func(r eventstore.Recorded) eventstore.Revision { return r.Link }
}

// begin is the revision that a page is read from: what its cursor says, else where the period ends. NoStream means that
// there is nothing.
func (s *scan) begin(ctx context.Context, key []string) (eventstore.Revision, error) {
	if key != nil {
		n, err := strconv.ParseInt(key[0], 10, 64)
		if err != nil || n < 0 {
			return 0, page.ErrCursor
		}
		return eventstore.Revision(n), nil
	}
	if s.filter.To.IsZero() {
		return eventstore.End, nil
	}
	return s.seek(ctx, s.filter.To)
}

// seek finds the last event before an instant by halving, since events stand in the order of time.
func (s *scan) seek(ctx context.Context, to time.Time) (eventstore.Revision, error) {
	last, found, err := s.one(ctx, eventstore.End)
	if err != nil || !found {
		return eventstore.NoStream, err
	}
	if last.at.Before(to) {
		return last.revision, nil
	}
	low := eventstore.NoStream                 // known to be before
	for high := last.revision; high-low > 1; { // high: known not to be before
		middle := low + (high-low)/2
		e, found, err := s.one(ctx, middle)
		switch {
		case err != nil:
			return 0, err
		case !found || e.revision <= low || e.at.Before(to):
			low = middle
		default:
			high = e.revision
		}
	}
	return low, nil
}

type point struct {
	revision eventstore.Revision
	at       time.Time
}

// one reads the event at a revision, or the next one before it.
func (s *scan) one(ctx context.Context, from eventstore.Revision) (point, bool, error) {
	events, at := s.read(ctx, from, 1)
	for r, err := range events {
		return point{at(r), r.At}, err == nil, err
	}
	return point{}, false, nil
}

// run fills a page, read by read: without a filter the first is enough. next is the revision that the page after it is read
// from; negative if there is none.
func (s *scan) run(ctx context.Context, from eventstore.Revision, limit int) (p Page, next eventstore.Revision, err error) {
	began := time.Now()
	for size, scanned := 2*limit, 0; scanned < maxScanned; scanned, size = scanned+size, 2*size {
		events, at := s.read(ctx, from, size)
		n := 0
		for r, err := range events {
			if err != nil {
				return p, 0, err
			}
			if !s.filter.From.IsZero() && r.At.Before(s.filter.From) {
				return p, eventstore.NoStream, nil
			}
			n++
			p.ScannedTo, from = r.At, at(r)-1
			item, ok, err := s.look(ctx, r)
			if err != nil {
				return p, 0, err
			}
			if ok {
				p.Items = append(p.Items, item)
			}
			if len(p.Items) == limit || time.Since(began) > maxScan {
				return p, from, nil
			}
		}
		if n == 0 || from < 0 {
			return p, eventstore.NoStream, nil
		}
	}
	return p, from, nil
}

// look decides whether an event is the one at which its activity is told: the first that the actor sees of it in the
// stream that is read.
func (s *scan) look(ctx context.Context, r eventstore.Recorded) (Activity, bool, error) {
	if visible, err := s.Visible(ctx, s.actor, r); err != nil || !visible {
		return Activity{}, false, err
	}
	a, err := s.activity(ctx, r)
	if err != nil || a.first != r.ID {
		return Activity{}, false, err
	}
	item, err := s.line(ctx, s.actor, a.all, a.seen, a.whole)
	if err != nil || !s.matches(item, a.seen) {
		return Activity{}, false, err
	}
	if s.text != "" {
		name, err := s.actors.Name(ctx, item.Meta)
		if err != nil {
			return item, false, err
		}
		found, err := s.contains(ctx, s.actor, item, name, a.seen, s.text)
		return item, found, err
	}
	return item, true, nil
}

func (s *scan) activity(ctx context.Context, r eventstore.Recorded) (*activity, error) {
	id := r.Meta.Correlation
	if a := s.known[id]; a != nil {
		return a, nil
	}
	a := &activity{}
	var err error
	if a.all, a.whole, err = s.timeline(ctx, s.actor.Tenant, id); err != nil {
		return nil, err
	}
	if len(a.all) == 0 { // links are made a little after the event
		a.all = []eventstore.Recorded{r}
	}
	if a.seen, err = s.visibleOf(ctx, s.actor, a.all); err != nil {
		return nil, err
	}
	if a.first = s.firstOf(a.seen); a.first == uuid.Nil && !a.whole { // deep in a long job: what is seen of it there stands for it
		if a.seen, err = s.seenLater(ctx, s.actor, id, s.reads); err != nil {
			return nil, err
		}
		a.first = s.firstOf(a.seen)
	}
	s.known[id] = a
	return a, nil
}

// firstOf is the first event that stands in the stream that is read; zero if there is none.
func (s *scan) firstOf(seen []eventstore.Recorded) uuid.UUID {
	for _, r := range seen {
		if s.reads(r.Stream) {
			return r.ID
		}
	}
	return uuid.Nil
}

// reads reports whether a stream is part of what is read.
func (s *scan) reads(stream domain.Stream) bool {
	return s.filter.Device == "" || stream == device.Stream(s.actor.Tenant, s.filter.Device)
}

func (s *scan) matches(a Activity, events []eventstore.Recorded) bool {
	f := s.filter
	switch {
	case f.Customer != "" && a.Place.Customer != f.Customer,
		f.License != "" && a.Place.License != f.License,
		len(f.States) > 0 && !slices.Contains(f.States, a.State),
		len(f.Actors) > 0 && !slices.Contains(f.Actors, a.Meta.Actor),
		f.ActorID != "" && a.Meta.ActorID != f.ActorID && a.Meta.OnBehalfOf != f.ActorID,
		!f.To.IsZero() && !a.Started.Before(f.To),
		!f.From.IsZero() && a.Started.Before(f.From):
		return false
	}
	return len(f.Actions) == 0 || slices.Contains(f.Actions, a.Action) ||
		slices.ContainsFunc(events, func(r eventstore.Recorded) bool { return slices.Contains(f.Actions, ActionOf(r.Event)) })
}
