package api

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/http/signin"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
)

// errNoOrganization is for who has proved who he is and belongs nowhere, or not there.
var errNoOrganization = domain.ErrForbidden.With("You belong to no organization of this portal, or not to this one.")

// SignIn lets a person in by a password, and a code if he has switched that on. Whoever is refused is told the same, whether
// there is such an account or not.
func (s *server) SignInByPassword(ctx context.Context, r SignInByPasswordRequestObject) (SignInByPasswordResponseObject, error) {
	c, b := callOf(ctx), r.Body
	verdict, err := s.Credentials.Check(ctx, credentials.Attempt{Email: b.Email, Password: b.Password, Code: value(b.Code), Address: c.address})
	if verdict.Refusal != "" {
		err = errors.Join(err, s.SignIn.RefusedEverywhere(ctx, verdict.Person, verdict.Method, verdict.Refusal))
	}
	if err != nil {
		return nil, err
	}
	entry, err := s.organization(ctx, verdict.Person, domain.Tenant(value(b.Tenant)), "")
	if err != nil {
		return nil, err
	}
	entry.Method, entry.Browser = verdict.Method, c.browser
	current, secret, err := s.SignIn.Begin(ctx, entry)
	if err != nil {
		return nil, err
	}
	return SignInByPassword201JSONResponse{sessionFor(current, current.ID), SignInByPassword201ResponseHeaders{s.cookie(secret)}}, nil
}

// organization is where a person acts from now on: in the one that he names, or in the one of last time.
func (s *server) organization(ctx context.Context, p domain.PersonID, t domain.Tenant, u domain.UserID) (signin.Entry, error) {
	entries, err := s.SignIn.Entries(ctx, p)
	if err != nil {
		return signin.Entry{}, err
	}
	for _, e := range entries {
		if (t == "" || e.Tenant == t) && (u == "" || e.User == u) {
			return e, nil
		}
	}
	return signin.Entry{}, errNoOrganization
}

// ListOrganizations tells where the caller may turn to.
func (s *server) ListOrganizations(ctx context.Context, _ ListOrganizationsRequestObject) (ListOrganizationsResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := s.SignIn.Entries(ctx, current.Person)
	if err != nil {
		return nil, err
	}
	return ListOrganizations200JSONResponse{Items: each(entries, func(e signin.Entry) Organization {
		return Organization{
			User: string(e.User), Tenant: string(e.Tenant), Customer: some(string(e.Customer)), Role: Role(e.Role), Current: e.User == current.User,
		}
	})}, nil
}

// SwitchOrganization turns the session to another membership of the same person: a new session takes its place.
func (s *server) SwitchOrganization(ctx context.Context, r SwitchOrganizationRequestObject) (SwitchOrganizationResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	to, err := s.organization(ctx, current.Person, "", domain.UserID(r.Body.User))
	if err != nil {
		return nil, err
	}
	next, secret, err := s.SignIn.Switch(ctx, current, to)
	if err != nil {
		return nil, err
	}
	return SwitchOrganization200JSONResponse{sessionFor(next, next.ID), SwitchOrganization200ResponseHeaders{s.cookie(secret)}}, nil
}

// LookUpInvitation shows who is invited to what. The secret stands in the body, so that no log has it.
func (s *server) LookUpInvitation(ctx context.Context, r LookUpInvitationRequestObject) (LookUpInvitationResponseObject, error) {
	i, err := commands.FindInvitation(ctx, s.Commands, callOf(ctx).at, r.Body.Secret)
	if err != nil {
		return nil, err
	}
	return LookUpInvitation200JSONResponse{
		Email: i.Email.Text, FirstName: i.Profile.FirstName.Text, Surname: i.Profile.Surname.Text, Language: Language(i.Profile.Language),
		Role: Role(i.Role), ExpiresAt: i.ExpiresAt,
	}, nil
}

// AcceptInvitation makes an account with a password for who holds the invitation, and signs him in. Who has an account already
// gives its password: it is the address of the invitation that counts, not one that he names.
func (s *server) AcceptInvitation(ctx context.Context, r AcceptInvitationRequestObject) (AcceptInvitationResponseObject, error) {
	c, b := callOf(ctx), r.Body
	i, err := commands.FindInvitation(ctx, s.Commands, c.at, b.Secret)
	if err != nil {
		return nil, err
	}
	person, method, err := s.account(ctx, i.Email.Text, b.Password, value(b.Code), c.address)
	if err != nil {
		return nil, err
	}
	if _, _, err := commands.AcceptInvitation(ctx, s.Commands, c.request(), b.Secret, person); err != nil {
		return nil, err
	}
	if err := s.SignIn.Sessions.Remember(ctx, person, sessions.Membership{Tenant: i.Scope.Tenant, User: i.User}); err != nil {
		return nil, err
	}
	current, secret, err := s.SignIn.Begin(ctx, signin.Entry{
		Person: person, User: i.User, Tenant: i.Scope.Tenant, Customer: i.Scope.Customer, Role: i.Role, Method: method, Browser: c.browser,
	})
	if err != nil {
		return nil, err
	}
	return AcceptInvitation201JSONResponse{sessionFor(current, current.ID), AcceptInvitation201ResponseHeaders{s.cookie(secret)}}, nil
}

// account is that of an address: the one there is, by its password, or a new one.
func (s *server) account(ctx context.Context, email, password, code, address string) (domain.PersonID, session.Method, error) {
	known, err := s.Credentials.PersonOf(ctx, email)
	if err != nil {
		return "", "", err
	}
	if known == "" {
		person := domain.PersonID(uuid.NewString())
		return person, session.Password, s.Credentials.Create(ctx, person, email, password)
	}
	verdict, err := s.Credentials.Check(ctx, credentials.Attempt{Email: email, Password: password, Code: code, Address: address})
	if verdict.Refusal != "" {
		err = errors.Join(err, s.SignIn.RefusedEverywhere(ctx, verdict.Person, verdict.Method, verdict.Refusal))
	}
	return verdict.Person, verdict.Method, err
}
