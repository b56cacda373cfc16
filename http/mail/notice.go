package mail

import (
	"cmp"
	"context"
	"slices"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/notice"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// maxTold is how many notices a digest lists.
const maxTold = 200

// notice tells a recipient of one thing, at once.
func (m *Mailer) notice(ctx context.Context, q queued, r eventstore.Recorded) (letter, domain.Personal, error) {
	to, s, err := m.addressOf(ctx, q)
	if err != nil {
		return letter{}, to, err
	}
	w, err := m.writerFor(ctx, q.tenant)
	if err != nil {
		return letter{}, to, err
	}
	n := r.Event.(notice.Raised)
	title, text := w.Notice(n.Kind, n.Facts)
	subject := title
	if n.Facts.Name != "" {
		subject += ": " + n.Facts.Name
	}
	name, err := m.customerOf(ctx, q.tenant, n.Subject.Customer)
	l := letter{Language: w.Language, Subject: subject, Greeting: w.Say("Hello,"), Lines: []string{text}}
	if name != "" {
		l.Facts = append(l.Facts, fact{w.Say("Customer"), name})
	}
	l.Facts = append(l.Facts, fact{w.Say("When"), w.Time(n.Happened)})
	m.close(&l, w, s)
	return l, to, err
}

// digest tells a recipient what happened in a day.
func (m *Mailer) digest(ctx context.Context, q queued, events []eventstore.Recorded) (letter, domain.Personal, error) {
	to, s, err := m.addressOf(ctx, q)
	if err != nil {
		return letter{}, to, err
	}
	w, err := m.writerFor(ctx, q.tenant)
	if err != nil {
		return letter{}, to, err
	}
	slices.SortFunc(events, func(a, b eventstore.Recorded) int {
		return cmp.Or(a.Event.(notice.Raised).Happened.Compare(b.Event.(notice.Raised).Happened), a.Position.Compare(b.Position))
	})
	l := letter{Language: w.Language, Subject: w.Say("AV Portal: %d notifications", len(events)), Greeting: w.Say("Hello,")}
	l.Lines = []string{w.Say("This has happened since the last mail:")}
	names := map[domain.CustomerID]string{}
	for i, r := range events {
		if i == maxTold {
			l.Closing = append(l.Closing, w.Say("%d more stand in the portal.", len(events)-maxTold))
			break
		}
		n := r.Event.(notice.Raised)
		if _, known := names[n.Subject.Customer]; !known {
			if names[n.Subject.Customer], err = m.customerOf(ctx, q.tenant, n.Subject.Customer); err != nil {
				return l, to, err
			}
		}
		title, text := w.Notice(n.Kind, n.Facts)
		if name := names[n.Subject.Customer]; name != "" {
			title = name + ", " + title
		}
		l.Facts = append(l.Facts, fact{w.Time(n.Happened), title + ". " + text})
	}
	m.close(&l, w, s)
	return l, to, nil
}

// close says why the recipient is told, and leads to the portal.
func (m *Mailer) close(l *letter, w writer, s profile.State) {
	l.Action, l.URL = w.Say("Open the portal"), m.PublicURL+"/"
	l.Closing = append(l.Closing, w.Say("You get this mail because the configuration profile %s names you as a recipient.", s.Name()))
}

// writerFor writes in the language of a reseller: of a recipient no other is known.
func (m *Mailer) writerFor(ctx context.Context, t domain.Tenant) (writer, error) {
	_, l, err := m.resellerOf(ctx, t)
	return writer{l}, err
}

// customerOf is a customer's name; empty of the reseller as a whole.
func (m *Mailer) customerOf(ctx context.Context, t domain.Tenant, c domain.CustomerID) (name string, err error) {
	if c == "" {
		return "", nil
	}
	err = commands.Inspect(ctx, m.Commands, customer.Stream(t, c), func(s customer.State, _ eventstore.Revision) { name = s.Name() })
	return name, err
}
