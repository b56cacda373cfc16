package actionlog

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/profile"
	"avportal/eventstore"
	"avportal/projections/page"
)

// EventPage is a part of a list of events. Next is empty at the end.
type EventPage struct {
	Items []Event
	Next  string
}

// Event is an event of the log as an actor may see it.
type Event struct {
	eventstore.Recorded
	Shown   map[string]any // its data, without secrets and without what lies beyond the actor's reach
	Changes []Change
}

// History answers the events of a device that an actor sees, newest first. The error is domain.ErrNotFound if he does not
// see the device, page.ErrCursor for a cursor of another list.
func (l *Log) History(ctx context.Context, a domain.Actor, id domain.DeviceID, cursor string, limit int) (EventPage, error) {
	visible, err := l.deviceVisible(ctx, a, id)
	if err != nil {
		return EventPage{}, err
	}
	if !visible {
		return EventPage{}, domain.ErrNotFound
	}
	of := page.Of{List: "history", Scope: domain.Scope{Tenant: a.Tenant, Customer: a.Customer}, Filter: id}
	from, err := position(of, cursor, eventstore.End)
	if err != nil {
		return EventPage{}, err
	}
	limit = page.Limit(limit)
	var p EventPage
	for r, err := range l.store.Read(ctx, device.Stream(a.Tenant, id), from, eventstore.Backward, 0) {
		if err != nil {
			return p, err
		}
		if len(p.Items) == limit {
			p.Next, err = of.Cursor(strconv.FormatInt(int64(r.Revision), 10))
			return p, err
		}
		if err := l.show(ctx, a, r, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Events answers the events of an activity that an actor sees, in the order they happened.
func (l *Log) Events(ctx context.Context, a domain.Actor, id uuid.UUID, cursor string, limit int) (EventPage, error) {
	of := page.Of{List: "activity", Scope: domain.Scope{Tenant: a.Tenant, Customer: a.Customer}, Filter: id}
	from, err := position(of, cursor, eventstore.Start)
	if err != nil {
		return EventPage{}, err
	}
	limit = page.Limit(limit)
	var p EventPage
	for r, err := range l.store.ReadLinks(ctx, "$bc-"+id.String(), from, eventstore.Forward, 0) {
		if err != nil {
			return p, err
		}
		if len(p.Items) == limit {
			p.Next, err = of.Cursor(strconv.FormatInt(int64(r.Link), 10))
			return p, err
		}
		if err := l.show(ctx, a, r, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

func position(of page.Of, cursor string, otherwise eventstore.Revision) (eventstore.Revision, error) {
	key, err := of.Key(cursor, 1)
	if err != nil || key == nil {
		return otherwise, err
	}
	n, err := strconv.ParseInt(key[0], 10, 64)
	if err != nil || n < 0 {
		return 0, page.ErrCursor
	}
	return eventstore.Revision(n), nil
}

func (l *Log) show(ctx context.Context, a domain.Actor, r eventstore.Recorded, p *EventPage) error {
	visible, err := l.Visible(ctx, a, r)
	if err != nil || !visible {
		return err
	}
	data, err := shown(a, r)
	p.Items = append(p.Items, Event{r, data, changesOf(r.Type, data)})
	return err
}

// showPersonal puts a personal text in the place of its sealed form; null if it is erased.
func showPersonal(data map[string]any, path string, p domain.Personal) {
	names := strings.Split(path, ".")
	last := len(names) - 1
	var at any = data
	for _, name := range names[:last] {
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any: // the path gives the number of an element
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return
			}
			at = v[i]
		}
	}
	data, _ = at.(map[string]any)
	switch _, there := data[names[last]]; {
	case !there:
	case p.Erased():
		data[names[last]] = nil
	default:
		data[names[last]] = p.Text
	}
}

// shown leaves out of an event's data what is a secret (a license's TID), what would be too much (the items of a job,
// which have a list of their own), and, for who is limited to a customer, the place on the other side of a move.
func shown(a domain.Actor, r eventstore.Recorded) (map[string]any, error) {
	data := map[string]any{}
	if err := json.Unmarshal(r.Data, &data); err != nil {
		return nil, err
	}
	for path, p := range domain.PersonalTexts(r.Event) {
		showPersonal(data, path, p)
	}
	delete(data, "key")
	for _, list := range []string{"items", "results"} {
		if items, ok := data[list].([]any); ok {
			data[list] = len(items)
		}
	}
	for _, side := range []string{"from", "to"} {
		if c, ok := data[side+"_customer"].(string); ok && a.Customer != "" && c != string(a.Customer) {
			delete(data, side+"_customer")
			delete(data, side+"_license")
			delete(data, side+"_group")
		}
		if _, handed := r.Event.(profile.OwnerChanged); handed && a.Customer != "" && data[side] != string(a.Customer) {
			delete(data, side)
		}
	}
	return data, nil
}
