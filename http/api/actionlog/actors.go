package actionlog

import (
	"context"
	"strings"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
)

// Actors tells a reader how those are called who have done something. Each is asked for once, so keep it no longer than an answer
// takes: an erased name is gone at once.
type Actors struct {
	log    *Log
	reader domain.Actor
	names  map[string]string
}

// Actors begins to tell.
func (l *Log) Actors(reader domain.Actor) *Actors {
	return &Actors{l, reader, map[string]string{}}
}

// tokenPrefix begins the ids of actors that are tokens of nobody.
const tokenPrefix = "token-"

// Name is how a person is called, or the token that has acted; empty if the reader does not see him, if it was neither, and if he was
// erased.
func (a *Actors) Name(ctx context.Context, m eventstore.Metadata) (name string, err error) {
	if m.Actor != domain.ActorUser {
		return "", nil
	}
	if name, known := a.names[m.ActorID]; known {
		return name, nil
	}
	if id, ok := strings.CutPrefix(m.ActorID, tokenPrefix); ok {
		err = commands.Inspect(ctx, a.log.commands, token.Stream(a.reader.Tenant, token.ID(id)), func(t token.State, _ eventstore.Revision) {
			if t.Exists() && a.reader.Sees(t.Scope()) {
				name = t.Created().Name
			}
		})
	} else {
		err = commands.Inspect(ctx, a.log.commands, user.Stream(a.reader.Tenant, domain.UserID(m.ActorID)), func(u user.State, _ eventstore.Revision) {
			if u.Exists() && a.reader.Sees(u.Scope()) {
				p := u.Profile()
				name = strings.TrimSpace(p.FirstName.Text + " " + p.Surname.Text)
			}
		})
	}
	if err != nil {
		return "", err
	}
	a.names[m.ActorID] = name
	return name, nil
}
