package signin

import (
	"context"
	"errors"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/rsp"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
)

// Forget deletes what a member who was erased had to sign in by: his sessions, what he has granted in the Reseller Portal, and,
// if he is a member nowhere else, his account. It is harmless to repeat.
func (s *Service) Forget(ctx context.Context, t domain.Tenant, u domain.UserID) error {
	var erased bool
	var person domain.PersonID
	err := commands.Inspect(ctx, s.Commands, user.Stream(t, u), func(m user.State, _ eventstore.Revision) { erased, person = m.Erased(), m.Person() })
	if err != nil || !erased {
		return err
	}
	m := sessions.Membership{Tenant: t, User: u}
	if err := errors.Join(s.EndMember(ctx, t, u), s.Sessions.Forget(ctx, m)); err != nil || person == "" {
		return err
	}
	if err := rsp.ForgetGrant(ctx, s.DB, t, person); err != nil {
		return err
	}
	elsewhere, err := s.belongs(ctx, person)
	if err != nil || elsewhere {
		return err
	}
	return credentials.Forget(ctx, s.DB, person)
}

// belongs reports whether a person is a member of any organization, be it one that he is shut out of for the time being.
func (s *Service) belongs(ctx context.Context, person domain.PersonID) (yes bool, err error) {
	members, err := s.Sessions.Memberships(ctx, person)
	for _, m := range members {
		err = errors.Join(err, commands.Inspect(ctx, s.Commands, user.Stream(m.Tenant, m.User), func(st user.State, _ eventstore.Revision) {
			yes = yes || st.Exists() && !st.Erased() && st.Person() == person
		}))
	}
	return yes, err
}

// ForgetErased is the policy that does so, where whoever erased the member was broken off.
func (s *Service) ForgetErased(ctx context.Context, r eventstore.Recorded) error {
	if _, ok := r.Event.(user.Erased); !ok {
		return nil
	}
	return s.Forget(ctx, r.Stream.Tenant, domain.UserID(r.Stream.ID))
}
