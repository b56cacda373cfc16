package actionlog

import (
	"context"
	"fmt"
	"strings"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/http/texts"
)

// Names are what the subjects of a place are called today; empty for what is not known.
type Names struct{ Customer, License, Group, Device string }

// Names looks up the names of a place.
func (l *Log) Names(ctx context.Context, t domain.Tenant, p Place) (n Names, err error) {
	if p.Customer != "" {
		err = commands.Peek(ctx, l.commands, customer.Stream(t, p.Customer), func(s customer.State, _ eventstore.Revision) { n.Customer = s.Name() })
	}
	if p.License != "" && err == nil {
		err = commands.Peek(ctx, l.commands, license.Stream(t, p.License), func(s license.State, _ eventstore.Revision) { n.License = s.Name() })
	}
	if p.Group != "" && err == nil {
		err = commands.Peek(ctx, l.commands, group.Stream(t, p.Group.License()), func(s group.State, _ eventstore.Revision) { n.Group = s.Name(p.Group) })
	}
	if p.Device != "" && err == nil {
		n.Device, err = l.DeviceName(ctx, t, p.Device)
	}
	return n, err
}

// contains reports whether a text, folded, stands anywhere in what the actor is shown of an activity: names, also of who has done it,
// what the action is called in any language, and the values in its events.
func (l *Log) contains(ctx context.Context, actor domain.Actor, a Activity, by string, events []eventstore.Recorded, text string) (bool, error) {
	names, err := l.Names(ctx, actor.Tenant, a.Place)
	if err != nil {
		return false, err
	}
	words := []string{a.Action, a.Detail, a.Meta.ActorID, by, a.Meta.OnBehalfOf, names.Customer, names.License, names.Group, names.Device, string(a.Place.Device)}
	for _, language := range texts.Languages() {
		words = append(words, language.Name("action", a.Action))
	}
	for _, r := range events {
		data, err := shown(actor, r)
		if err != nil {
			return false, err
		}
		words = valuesIn(words, data)
	}
	return strings.Contains(domain.Fold(strings.Join(words, "\n")), text), nil
}

// valuesIn adds all values of JSON, however deep.
func valuesIn(words []string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			words = valuesIn(words, inner)
		}
	case []any:
		for _, inner := range v {
			words = valuesIn(words, inner)
		}
	case nil:
	default:
		words = append(words, fmt.Sprint(v))
	}
	return words
}
