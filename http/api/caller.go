package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/http/api/tokens"
	"avportal/http/signin/sessions"
)

// caller is who has proved who he is: by an API token, or by the cookie of a session.
type caller struct {
	id      uuid.UUID // of the token or session
	actor   domain.Actor
	expires time.Time
	session *sessions.Session // nil for a token
}

// errNoSession is for callers with a token who ask for what only a session has.
var errNoSession = &domain.Error{Class: domain.Conflict, Code: "no_session", Message: "This is for people who are signed in; the request came with a token."}

// secretOf is what a request proves its caller by. A token goes before a cookie, which browsers send unasked.
func (s *server) secretOf(r *http.Request) (secret string, isToken bool) {
	if r.Header.Get("Authorization") != "" {
		return bearer(r), true
	}
	return s.Cookies.Read(r), false
}

// identify tells who calls. The error is tokens.ErrUnauthorized if it is nobody.
func (s *server) identify(ctx context.Context, r *http.Request) (caller, error) {
	secret, isToken := s.secretOf(r)
	if isToken {
		t, err := s.Tokens.Authenticate(ctx, secret)
		return caller{id: t.ID, actor: t.As(), expires: t.ExpiresAt}, err
	}
	current, err := s.SignIn.Sessions.Authenticate(ctx, secret)
	if errors.Is(err, sessions.ErrNone) {
		err = tokens.ErrUnauthorized
	}
	return caller{id: current.ID, actor: current.As(), expires: current.ExpiresAt, session: &current}, err
}
