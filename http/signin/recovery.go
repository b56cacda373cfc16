package signin

import (
	"context"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/signin/credentials"
)

// RequestRecovery notes that a new password is asked for, for the account of an address, which a mail then offers. It goes to a
// membership that has the very address by which the person signs in: one that was changed since proves nothing.
func (s *Service) RequestRecovery(ctx context.Context, v *credentials.Vault, email string) error {
	person, err := v.PersonOf(ctx, email)
	if err != nil || person == "" {
		return err
	}
	entries, err := s.Entries(ctx, person)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var has string
		err := commands.Inspect(ctx, s.Commands, user.Stream(e.Tenant, e.User), func(m user.State, _ eventstore.Revision) { has = m.Email().Text })
		if err != nil {
			return err
		}
		if ok, err := v.SignsInBy(ctx, person, has); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		now := s.Now()
		rq := commands.Request{Actor: domain.SystemActor("sign-in", e.Tenant), At: now, ID: uuid.New()} // it is not proved that it was the person
		_, err = commands.Do[user.State](ctx, s.Commands, rq, user.RequestRecovery{Tenant: e.Tenant, User: e.User, At: now})
		return err
	}
	return nil
}

// Recover replaces a forgotten password by the secret of a mail, and signs the person out everywhere.
func (s *Service) Recover(ctx context.Context, v *credentials.Vault, secret, password string) error {
	person, err := v.Recover(ctx, secret, password, func(p domain.PersonID) credentials.Note { return s.Noting(p, user.SetPassword, "") })
	if err != nil {
		return err
	}
	return s.EndAll(ctx, person, uuid.Nil, session.CredentialsChanged)
}
