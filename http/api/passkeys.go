package api

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/signin/credentials"
)

func (s *server) ListPasskeys(ctx context.Context, _ ListPasskeysRequestObject) (ListPasskeysResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Credentials.Passkeys(ctx, current.Person)
	if err != nil {
		return nil, err
	}
	return ListPasskeys200JSONResponse{Items: each(all, passkeyOf)}, nil
}

func passkeyOf(p credentials.Passkey) Passkey {
	return Passkey{Id: uuid.MustParse(string(p.ID)), Name: p.Name, CreatedAt: p.CreatedAt, UsedAt: instant(p.UsedAt), Suspect: p.Suspect}
}

// BeginPasskey answers what the browser needs; the password is asked for once more.
func (s *server) BeginPasskey(ctx context.Context, r BeginPasskeyRequestObject) (BeginPasskeyResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Credentials.Confirm(ctx, current.Person, r.Body.Password); err != nil {
		return nil, err
	}
	name := string(current.User)
	err = s.inspectUser(ctx, current.User, func(m user.State, _ eventstore.Revision) {
		if m.Email().Text != "" {
			name = m.Email().Text
		}
	})
	if err != nil {
		return nil, err
	}
	options, err := s.Credentials.BeginPasskey(ctx, current.Person, name)
	if err != nil {
		return nil, err
	}
	var body BeginPasskey200JSONResponse
	return body, reshape(options, &body)
}

// AddPasskey keeps what the browser has made.
func (s *server) AddPasskey(ctx context.Context, r AddPasskeyRequestObject) (AddPasskeyResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	made, err := json.Marshal(r.Body.Credential)
	if err != nil {
		return nil, err
	}
	p, err := s.Credentials.EndPasskey(ctx, current.Person, r.Body.Name, made, func(id user.PasskeyID) credentials.Note {
		return s.SignIn.Noting(current.Person, user.AddPasskey, id)
	})
	if err != nil {
		return nil, err
	}
	location := basePath + "/me/passkeys/" + string(p.ID)
	return AddPasskey201JSONResponse{passkeyOf(p), AddPasskey201ResponseHeaders{Location: &location}}, nil
}

// RemovePasskey ends a passkey, and signs the caller out everywhere else, where it may have let somebody in.
func (s *server) RemovePasskey(ctx context.Context, r RemovePasskeyRequestObject) (RemovePasskeyResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	id := user.PasskeyID(r.Id.String())
	if err := s.Credentials.RemovePasskey(ctx, current.Person, id, s.SignIn.Noting(current.Person, user.RemovePasskey, id)); err != nil {
		return nil, err
	}
	return RemovePasskey204Response{}, s.SignIn.EndAll(ctx, current.Person, current.ID, session.CredentialsChanged)
}

func (s *server) BeginPasskeySignIn(ctx context.Context, _ BeginPasskeySignInRequestObject) (BeginPasskeySignInResponseObject, error) {
	options, err := s.Credentials.BeginPasskeySignIn(ctx)
	if err != nil {
		return nil, err
	}
	var body BeginPasskeySignIn200JSONResponse
	return body, reshape(options, &body)
}

// SignInByPasskey lets in whom the passkey belongs to.
func (s *server) SignInByPasskey(ctx context.Context, r SignInByPasskeyRequestObject) (SignInByPasskeyResponseObject, error) {
	c := callOf(ctx)
	used, err := json.Marshal(r.Body.Credential)
	if err != nil {
		return nil, err
	}
	verdict, err := s.Credentials.CheckPasskey(ctx, used, c.address)
	if verdict.Refusal != "" {
		err = errors.Join(err, s.SignIn.RefusedEverywhere(ctx, verdict.Person, verdict.Method, verdict.Refusal))
	}
	if err != nil {
		return nil, err
	}
	entry, err := s.organization(ctx, verdict.Person, domain.Tenant(value(r.Body.Tenant)), "")
	if err != nil {
		return nil, err
	}
	entry.Method, entry.Browser = verdict.Method, c.browser
	current, secret, err := s.SignIn.Begin(ctx, entry)
	if err != nil {
		return nil, err
	}
	return SignInByPasskey201JSONResponse{sessionFor(current, current.ID), SignInByPasskey201ResponseHeaders{s.cookie(secret)}}, nil
}

// reshape gives one type's JSON as another type.
func reshape(from, to any) error {
	plain, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, to)
}
