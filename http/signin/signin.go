// Package signin lets people in and out. Whoever has proved who he is, by the Reseller Portal or by credentials of his own,
// gets a session here; that it began and ended stands in the action log of the organization that he acts in.
package signin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/signin/sessions"
)

// Service begins and ends sessions.
type Service struct {
	Commands *commands.Handler
	Sessions *sessions.Vault
	DB       *pgxpool.Pool // of the vault, where what a person has elsewhere is deleted when he is erased
	Now      func() time.Time
}

// Entry is a person who may be let in, and where.
type Entry struct {
	Person   domain.PersonID
	User     domain.UserID // his membership
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Role     domain.Role
	Method   session.Method
	Browser  string
}

// Switch turns a session to another membership of the same person: a new one takes its place, with a new cookie, that holds no
// longer than the old one would have.
func (s *Service) Switch(ctx context.Context, from sessions.Session, to Entry) (sessions.Session, string, error) {
	to.Method, to.Browser = from.Method, from.Browser
	next, secret, err := s.begin(ctx, to, session.ID(from.ID.String()), from.ExpiresAt)
	if err != nil {
		return next, "", err
	}
	return next, secret, s.End(ctx, from.Person, from.ID, session.Switched)
}

// Begin signs a person in and answers the value for the cookie. It is in the log before it holds.
func (s *Service) Begin(ctx context.Context, e Entry) (sessions.Session, string, error) {
	return s.begin(ctx, e, "", time.Time{})
}

func (s *Service) begin(ctx context.Context, e Entry, replaces session.ID, until time.Time) (sessions.Session, string, error) {
	id, now := uuid.New(), s.Now()
	_, err := commands.Do[session.State](ctx, s.Commands, s.request(e.User, e.Tenant, id, now), session.Begin{
		Tenant: e.Tenant, Customer: e.Customer, Session: session.ID(id.String()), User: e.User, Role: e.Role, Method: e.Method,
		Replaces: replaces, At: now,
	})
	if err != nil {
		return sessions.Session{}, "", err
	}
	if err := s.Sessions.Remember(ctx, e.Person, sessions.Membership{Tenant: e.Tenant, User: e.User}); err != nil {
		return sessions.Session{}, "", err
	}
	return s.Sessions.Begin(ctx, sessions.Session{
		ID: id, Person: e.Person, User: e.User, Tenant: e.Tenant, Customer: e.Customer, Role: e.Role, Method: e.Method, Browser: e.Browser,
		ExpiresAt: until,
	})
}

// End ends one session of a person; one that does not hold any more is none: domain.ErrNotFound.
func (s *Service) End(ctx context.Context, person domain.PersonID, id uuid.UUID, why session.Reason) error {
	ended, err := s.Sessions.End(ctx, person, id)
	if err != nil {
		return err
	}
	return s.note(ctx, why, ended)
}

// EndAll ends the sessions of a person but one, which may be uuid.Nil.
func (s *Service) EndAll(ctx context.Context, person domain.PersonID, but uuid.UUID, why session.Reason) error {
	ended, err := s.Sessions.EndAll(ctx, person, but)
	if err != nil {
		return err
	}
	return s.note(ctx, why, ended...)
}

// note writes into the log what has ended already: a log that is away keeps nobody signed in.
func (s *Service) note(ctx context.Context, why session.Reason, ended ...sessions.Session) (err error) {
	now := s.Now()
	for _, e := range ended {
		_, oneErr := commands.Do[session.State](ctx, s.Commands, s.request(e.User, e.Tenant, uuid.New(), now), session.End{
			Tenant: e.Tenant, Session: session.ID(e.ID.String()), Reason: why, At: now,
		})
		err = errors.Join(err, oneErr)
	}
	return err
}

// EndMember ends the sessions of a member whose standing has changed: he must sign in anew, if he still may.
func (s *Service) EndMember(ctx context.Context, t domain.Tenant, u domain.UserID) error {
	ended, err := s.Sessions.EndMember(ctx, t, u)
	if err != nil {
		return err
	}
	return s.note(ctx, session.AccessChanged, ended...)
}

// Follow is the policy by which who is deactivated or erased, or gets another role, is signed out.
func (s *Service) Follow(ctx context.Context, r eventstore.Recorded) error {
	switch r.Event.(type) {
	case user.Deactivated, user.Erased, user.RoleChanged:
		return s.EndMember(ctx, r.Stream.Tenant, domain.UserID(r.Stream.ID))
	}
	return nil
}

// Refused notes that somebody tried to get in as a person and was not let in.
func (s *Service) Refused(ctx context.Context, e Entry, why session.Refusal) error {
	id, now := uuid.New(), s.Now()
	actor := domain.SystemActor("sign-in", e.Tenant) // it is not proved that it was the person
	_, err := commands.Do[session.State](ctx, s.Commands, commands.Request{Actor: actor, At: now, ID: id}, session.Refuse{
		Tenant: e.Tenant, Customer: e.Customer, Attempt: session.ID(id.String()), User: e.User, Method: e.Method, Reason: why, At: now,
	})
	return err
}

// request lets the portal vouch for a member: it is he who acts, by a right that only the portal has.
func (s *Service) request(u domain.UserID, t domain.Tenant, id uuid.UUID, now time.Time) commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: string(u), Role: domain.System, Tenant: t}, At: now, ID: id}
}
