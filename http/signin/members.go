package signin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
)

// Entries are the memberships in which a person may act by now, the last one that he acted as first.
func (s *Service) Entries(ctx context.Context, p domain.PersonID) (entries []Entry, err error) {
	members, err := s.Sessions.Memberships(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		e, active, err := s.entry(ctx, p, m)
		if err != nil {
			return nil, err
		}
		if active {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// entry is a membership as the log has it by now.
func (s *Service) entry(ctx context.Context, p domain.PersonID, m sessions.Membership) (e Entry, active bool, err error) {
	err = commands.Inspect(ctx, s.Commands, user.Stream(m.Tenant, m.User), func(st user.State, _ eventstore.Revision) {
		active = st.Active() && st.Person() == p
		e = Entry{Person: p, User: m.User, Tenant: m.Tenant, Customer: st.Scope().Customer, Role: st.Role()}
	})
	return e, active, err
}

// RefusedEverywhere notes that somebody tried to get in as a person, in the log of each of his organizations.
func (s *Service) RefusedEverywhere(ctx context.Context, p domain.PersonID, by session.Method, why session.Refusal) error {
	entries, err := s.Entries(ctx, p)
	for _, e := range entries {
		e.Method = by
		err = errors.Join(err, s.Refused(ctx, e, why))
	}
	return err
}

// Noting writes into the log of each organization of a person what he changes of his credentials.
func (s *Service) Noting(p domain.PersonID, change user.CredentialChange, passkey user.PasskeyID) credentials.Note {
	return func(ctx context.Context) error {
		entries, err := s.Entries(ctx, p)
		for _, e := range entries {
			rq := s.request(e.User, e.Tenant, uuid.New(), s.Now())
			_, oneErr := commands.Do[user.State](ctx, s.Commands, rq, user.NoteCredentials{
				Tenant: e.Tenant, User: e.User, Change: change, Passkey: passkey, At: rq.At,
			})
			err = errors.Join(err, oneErr)
		}
		return err
	}
}
