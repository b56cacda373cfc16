package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/rsp"
	"avportal/http/signin"
	"avportal/http/signin/sessions"
)

// browserCookie marks the browser in which a sign-in has begun.
const browserCookie = "avportal-sign-in"

func (s *server) redirectURI() string { return s.PublicURL + CallbackPath }

// login sends the person to the Reseller Portal.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	if !s.Reseller.Configured() {
		s.problem(w, http.StatusNotFound, rsp.ErrNotConfigured.Message)
		return
	}
	// On a developer's machine the portal may have been opened by another name, where the cookie would not come back to.
	if !s.Cookies.Secure && !strings.HasSuffix(s.PublicURL, "//"+r.Host) {
		http.Redirect(w, r, s.PublicURL+r.URL.RequestURI(), http.StatusFound)
		return
	}
	a, browser, err := s.attempts.begin(r.Context(), localPath(r.URL.Query().Get("return_to")))
	if err != nil {
		s.broken(w, r, err)
		return
	}
	to, err := s.Reseller.AuthURL(r.Context(), s.redirectURI(), a.Secrets)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	http.SetCookie(w, s.Cookies.ForAWhile(browserCookie, browser, attemptLife))
	http.Redirect(w, r, to, http.StatusFound)
}

// callback is where the Reseller Portal sends the person back to.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	cookie, err := r.Cookie(s.Cookies.ForAWhile(browserCookie, "", 0).Name)
	if err != nil {
		s.problem(w, http.StatusBadRequest, "This sign-in did not begin in this browser, or took too long. Begin again.")
		return
	}
	a, err := s.attempts.take(r.Context(), q.Get("state"), cookie.Value)
	http.SetCookie(w, s.Cookies.ForAWhile(browserCookie, "", -time.Second))
	switch {
	case errors.Is(err, errNoAttempt):
		s.problem(w, http.StatusBadRequest, "This sign-in did not begin in this browser, or took too long. Begin again.")
		return
	case err != nil:
		s.broken(w, r, err)
		return
	case q.Get("error") != "":
		s.problem(w, http.StatusForbidden, "The Reseller Portal has not authorized the sign-in.")
		return
	}
	secret, err := s.enter(r.Context(), r, q.Get("code"), a)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	s.Cookies.Set(w.Header(), secret)
	http.Redirect(w, r, a.ReturnTo, http.StatusSeeOther)
}

// enter finds out who has come, gives him a session, and lets customers and licenses be taken over.
func (s *server) enter(ctx context.Context, r *http.Request, code string, a attempt) (secret string, err error) {
	subject, granted, err := s.Reseller.Redeem(ctx, s.redirectURI(), code, a.Secrets)
	if err != nil {
		return "", err
	}
	who, err := s.Reseller.User(ctx, granted)
	if err != nil {
		return "", err
	}
	tenant, person := rsp.TenantOf(s.Reseller.Issuer(), who.Reseller), rsp.PersonOf(s.Reseller.Issuer(), subject)
	entry := signin.Entry{Person: person, User: rsp.MemberOf(tenant, person), Tenant: tenant, Method: session.ResellerPortal, Browser: r.UserAgent()}
	if err := s.member(ctx, &entry); err != nil { // what he has granted is not kept
		return "", err
	}
	if err := s.Reseller.Connect(ctx, tenant, who.Reseller, who.Language, person, granted); err != nil {
		return "", err
	}
	s.leave(ctx, r, session.SignedInAgain)
	if entry.Role == "" {
		if err := s.admit(ctx, &entry, who); err != nil {
			return "", err
		}
	}
	_, secret, err = s.SignIn.Begin(ctx, entry)
	return secret, err
}

// errNoAccess is for who has been shut out here, whatever the Reseller Portal says.
var errNoAccess = domain.ErrForbidden.With("You have no access to this portal any more. Ask an administrator of your company.")

// member looks up what the person is here by now, if he has come before: the role stays empty if not. He is the member that the
// Reseller Portal's names give, or the one who was invited and whom he has become by that.
func (s *server) member(ctx context.Context, e *signin.Entry) error {
	members, err := s.SignIn.Sessions.Memberships(ctx, e.Person)
	if err != nil {
		return err
	}
	known := false
	for _, m := range append(members, sessions.Membership{Tenant: e.Tenant, User: e.User}) {
		if m.Tenant != e.Tenant {
			continue
		}
		active, err := s.activeAs(ctx, e, m.User)
		if active || err != nil {
			return err
		}
		known = known || e.Role != ""
		e.Role = ""
	}
	if known {
		return errors.Join(errNoAccess, s.SignIn.Refused(ctx, *e, session.NoAccess))
	}
	return nil
}

// activeAs makes the person enter as a member of the reseller itself, if he is that one.
func (s *server) activeAs(ctx context.Context, e *signin.Entry, u domain.UserID) (active bool, err error) {
	err = commands.Inspect(ctx, s.SignIn.Commands, user.Stream(e.Tenant, u), func(m user.State, _ eventstore.Revision) {
		if m.Person() == e.Person && m.Scope().Customer == "" {
			e.User, e.Role, active = u, m.Role(), m.Active()
		}
	})
	return active, err
}

// admit makes the person a user of his reseller.
func (s *server) admit(ctx context.Context, e *signin.Entry, u rsp.User) error {
	now := s.SignIn.Now()
	who, _, err := commands.AdmitUser(ctx, s.SignIn.Commands, commands.Request{Actor: domain.SystemActor(rsp.ActorName, e.Tenant), At: now, ID: uuid.New()}, user.Admit{
		Tenant: e.Tenant, User: e.User, Person: e.Person, Email: u.Email, Role: rsp.RoleOf(u.Role), At: now,
		Details: user.Details{Salutation: u.Salutation, FirstName: u.GivenName, Surname: u.FamilyName, Language: user.Language(u.Language)},
	})
	if errors.Is(err, domain.ErrExists) { // he came twice at once
		who, err = e.User, nil
	}
	if err != nil {
		return err
	}
	_, err = s.activeAs(ctx, e, who)
	return err
}

// leave ends the session that a browser comes with, if any.
func (s *server) leave(ctx context.Context, r *http.Request, why session.Reason) {
	current, err := s.SignIn.Sessions.Authenticate(ctx, s.Cookies.Read(r))
	if err != nil {
		return
	}
	if err := s.SignIn.End(ctx, current.Person, current.ID, why); err != nil && !errors.Is(err, domain.ErrNotFound) {
		s.Log.WarnContext(ctx, "the end of a session was not noted", "session", current.ID, "err", err)
	}
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	s.leave(r.Context(), r, session.SignedOut)
	s.Cookies.Clear(w.Header())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// broken answers what went wrong, as far as it concerns the person.
func (s *server) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.WarnContext(r.Context(), "sign-in through the Reseller Portal failed", "err", err)
	var refusal *domain.Error
	switch {
	case rsp.Refused(err):
		s.problem(w, http.StatusForbidden, "The Reseller Portal does not accept the sign-in. Begin again.")
	case errors.As(err, &refusal) && refusal.Class == domain.Unavailable:
		s.problem(w, http.StatusServiceUnavailable, refusal.Message)
	case errors.As(err, &refusal):
		s.problem(w, http.StatusForbidden, refusal.Message)
	default:
		s.problem(w, http.StatusInternalServerError, "Something went wrong. Try again in a moment.")
	}
}
