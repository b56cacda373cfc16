package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"avportal/domain/session"
	"avportal/http/signin/sessions"
)

// sessionOf is the session that the caller is signed in with.
func sessionOf(ctx context.Context) (sessions.Session, error) {
	c := callOf(ctx)
	if c.session == nil {
		return sessions.Session{}, errNoSession
	}
	return *c.session, nil
}

func (s *server) GetSession(ctx context.Context, _ GetSessionRequestObject) (GetSessionResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return GetSession200JSONResponse(sessionFor(current, current.ID)), nil
}

func (s *server) ListSessions(ctx context.Context, _ ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.SignIn.Sessions.Of(ctx, current.Person)
	if err != nil {
		return nil, err
	}
	return ListSessions200JSONResponse{Items: each(list, func(o sessions.Session) Session { return sessionFor(o, current.ID) })}, nil
}

func (s *server) SignOut(ctx context.Context, _ SignOutRequestObject) (SignOutResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.SignIn.End(ctx, current.Person, current.ID, session.SignedOut); err != nil {
		return nil, err
	}
	return SignOut204Response{SignOut204ResponseHeaders{s.noCookie()}}, nil
}

func (s *server) SignOutEverywhere(ctx context.Context, _ SignOutEverywhereRequestObject) (SignOutEverywhereResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.SignIn.EndAll(ctx, current.Person, uuid.Nil, session.SignedOut); err != nil {
		return nil, err
	}
	return SignOutEverywhere204Response{SignOutEverywhere204ResponseHeaders{s.noCookie()}}, nil
}

func (s *server) EndSession(ctx context.Context, r EndSessionRequestObject) (EndSessionResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return EndSession204Response{}, s.SignIn.End(ctx, current.Person, r.Id, session.EndedElsewhere)
}

func sessionFor(o sessions.Session, current uuid.UUID) Session {
	return Session{
		Id: o.ID, Method: SignInMethod(o.Method), Role: Role(o.Role), Tenant: string(o.Tenant), Customer: some(string(o.Customer)),
		Browser: o.Browser, Current: o.ID == current, CreatedAt: o.CreatedAt, UsedAt: o.UsedAt, ExpiresAt: o.ExpiresAt,
	}
}

// cookie is the header that gives a browser a session.
func (s *server) cookie(secret string) *string {
	h := http.Header{}
	s.Cookies.Set(h, secret)
	return some(h.Get("Set-Cookie"))
}

// noCookie is the header that takes a session's cookie away.
func (s *server) noCookie() *string {
	h := http.Header{}
	s.Cookies.Clear(h)
	return some(h.Get("Set-Cookie"))
}
