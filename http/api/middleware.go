package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/texts"
)

// waitForLanguage is short: the answer matters more than its language.
const waitForLanguage = 250 * time.Millisecond

// patience bounds what any request may take, but for event streams.
const patience = 20 * time.Second

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

type languageKey struct{}

// languageOf is the language that the caller of a request reads.
func languageOf(ctx context.Context) texts.Language {
	l, ok := ctx.Value(languageKey{}).(texts.Language)
	if !ok {
		return texts.English
	}
	return l
}

// outermost is for every request, whether it meets a route or not.
func (s *server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		language := texts.Match(r.Header.Get("Accept-Language"))
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		r = r.WithContext(context.WithValue(ctx, languageKey{}, language))
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("Content-Language", string(language))
		h.Set("Vary", "Accept-Language")
		for name, value := range securityHeaders {
			h.Set(name, value)
		}
		deadline := time.Now().Add(patience)
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(deadline)  // not every writer can; the server's own limits hold then
		_ = control.SetWriteDeadline(deadline) //
		defer s.recover(w, r)
		if err := s.origins.Check(r); err != nil {
			s.fail(w, r, errCrossOrigin)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// securityHeaders are for an API that no page embeds and no cache keeps.
var securityHeaders = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Referrer-Policy":              "no-referrer",
	"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
	"X-Content-Type-Options":       "nosniff",
}

// recover answers a panic in a handler as an internal problem, if nothing was answered yet.
func (s *server) recover(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		s.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// admit lets a request pass to its handler: who calls, whether he may, whether the request is as the document says.
func (s *server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.admitted(w, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), callKey{}, c)
		if !c.streams {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience)
			defer cancel()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admitted checks what costs least first: a stranger's body is not even read.
func (s *server) admitted(w http.ResponseWriter, r *http.Request) (*call, error) {
	e := s.endpoints[r.Method+" "+template(r)]
	if e == nil {
		return nil, fmt.Errorf("no access rule for %s %s", r.Method, template(r)) // New has made sure that this can't be
	}
	if e.reach == byLink {
		return s.admittedByLink(r, e)
	}
	who, err := s.callerFor(r, e)
	if err != nil {
		return nil, err
	}
	s.speakTo(who, w, r)
	if err := e.permits(who.actor); err != nil {
		return nil, err
	}
	query, err := checkQuery(r.URL.RawQuery, e)
	if err != nil {
		return nil, err
	}
	body, err := readBody(w, r, e)
	if err != nil {
		return nil, err
	}
	r.Body = replay(body)
	if err := s.validate(r, e, query); err != nil {
		return nil, err
	}
	r.Body = replay(body)
	c, err := newCall(r, e, who, s.Now(), body)
	if err != nil {
		return nil, err
	}
	c.stillAllowed = func(ctx context.Context) error {
		_, err := s.identify(ctx, r)
		return err
	}
	return c, nil
}

// speakTo lets a person be answered in the language of his profile, whatever his browser asks for.
func (s *server) speakTo(who caller, w http.ResponseWriter, r *http.Request) {
	if who.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitForLanguage)
	defer cancel()
	_ = commands.Peek(ctx, s.Commands, user.Stream(who.actor.Tenant, domain.UserID(who.actor.ID)), func(m user.State, _ eventstore.Revision) {
		if l := texts.Language(m.Profile().Language); l != "" {
			*r = *r.WithContext(context.WithValue(r.Context(), languageKey{}, l))
			w.Header().Set("Content-Language", string(l))
		}
	}) // without the event store, the browser's language will do
}

// callerFor is who calls; nobody has to be anybody for a public route, but pays from the budget of his address.
func (s *server) callerFor(r *http.Request, e *endpoint) (caller, error) {
	if e.reach != public {
		return s.authenticate(r.Context(), r)
	}
	if !allow(s.limits.addresses, addressOf(r), s.limits.strangers, strangerBurst) {
		return caller{}, errRateLimited
	}
	return caller{}, nil
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func sorted(faults []fault) []fault {
	slices.SortStableFunc(faults, func(a, b fault) int { return strings.Compare(a.Pointer, b.Pointer) })
	return faults
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone if this fails
}
