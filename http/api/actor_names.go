package api

import (
	"context"
	"strings"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
)

// nameOfActor is how a person is called who has done something; empty if the caller does not see him, if it was no member, and if he
// was erased. It is asked of the member's stream, once in an answer: an erased name is gone at once.
func (s *server) nameOfActor(ctx context.Context, m eventstore.Metadata) (string, error) {
	c, id := callOf(ctx), domain.UserID(m.ActorID)
	if m.Actor != domain.ActorUser {
		return "", nil
	}
	if name, known := c.names[id]; known {
		return name, nil
	}
	name := ""
	err := commands.Inspect(ctx, s.Commands, user.Stream(c.actor.Tenant, id), func(u user.State, _ eventstore.Revision) {
		if u.Exists() && c.actor.Sees(u.Scope()) {
			p := u.Profile()
			name = strings.TrimSpace(p.FirstName.Text + " " + p.Surname.Text)
		}
	})
	if err != nil {
		return "", err
	}
	if c.names == nil {
		c.names = map[domain.UserID]string{}
	}
	c.names[id] = name
	return name, nil
}
