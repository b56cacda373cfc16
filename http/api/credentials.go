package api

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
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
		err = errors.Join(err, s.refused(ctx, verdict))
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

// refused notes an attempt in the log of each organization of the person.
func (s *server) refused(ctx context.Context, v credentials.Verdict) error {
	members, err := s.SignIn.Sessions.Memberships(ctx, v.Person)
	for _, m := range members {
		entry, active, lookErr := s.entry(ctx, v.Person, m)
		if active {
			entry.Method = v.Method
			lookErr = s.SignIn.Refused(ctx, entry, v.Refusal)
		}
		err = errors.Join(err, lookErr)
	}
	return err
}

// organization is where a person acts from now on: in the one that he names, or in the one of last time.
func (s *server) organization(ctx context.Context, p domain.PersonID, t domain.Tenant, u domain.UserID) (signin.Entry, error) {
	members, err := s.SignIn.Sessions.Memberships(ctx, p)
	if err != nil {
		return signin.Entry{}, err
	}
	for _, m := range members {
		if t != "" && m.Tenant != t || u != "" && m.User != u {
			continue
		}
		if entry, active, err := s.entry(ctx, p, m); active || err != nil {
			return entry, err
		}
	}
	return signin.Entry{}, errNoOrganization
}

// entry is a membership as the log has it by now.
func (s *server) entry(ctx context.Context, p domain.PersonID, m sessions.Membership) (e signin.Entry, active bool, err error) {
	err = commands.Inspect(ctx, s.Commands, user.Stream(m.Tenant, m.User), func(st user.State, _ eventstore.Revision) {
		active = st.Active() && st.Person() == p
		e = signin.Entry{Person: p, User: m.User, Tenant: m.Tenant, Customer: st.Scope().Customer, Role: st.Role()}
	})
	return e, active, err
}

// ListOrganizations tells where the caller may turn to.
func (s *server) ListOrganizations(ctx context.Context, _ ListOrganizationsRequestObject) (ListOrganizationsResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	members, err := s.SignIn.Sessions.Memberships(ctx, current.Person)
	if err != nil {
		return nil, err
	}
	items := []Organization{}
	for _, m := range members {
		e, active, err := s.entry(ctx, current.Person, m)
		if err != nil {
			return nil, err
		}
		if active {
			items = append(items, Organization{
				User: string(e.User), Tenant: string(e.Tenant), Customer: some(string(e.Customer)), Role: Role(e.Role), Current: e.User == current.User,
			})
		}
	}
	return ListOrganizations200JSONResponse{Items: items}, nil
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
	return verdict.Person, verdict.Method, err
}
