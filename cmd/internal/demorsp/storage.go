package demorsp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// How long what the demo gives out holds.
const (
	requestLife = 10 * time.Minute
	accessLife  = 5 * time.Minute
)

var errUnknown = errors.New("demo: no such request, code or token")

// storage keeps what the provider hands out, in memory.
type storage struct {
	key *ecdsa.PrivateKey

	mu       sync.Mutex
	redirect string
	requests map[string]*request // by id
	codes    map[string]string   // the request's id by code
	access   map[string]*grant   // by token id
	refresh  map[string]*grant   // by token
}

// grant is what one person has authorized.
type grant struct {
	subject  string
	client   string
	scopes   []string
	authTime time.Time
	until    time.Time // of an access token
}

func newStorage() (*storage, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &storage{
		key: key, requests: map[string]*request{}, codes: map[string]string{}, access: map[string]*grant{}, refresh: map[string]*grant{},
	}, err
}

func (s *storage) allow(redirect string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirect = redirect
}

// CreateAuthRequest begins a sign-in.
func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if slices.Contains(r.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &request{AuthRequest: r, id: rand.Text(), began: time.Now()}
	s.requests[q.id] = q
	return q, nil
}

// identify notes who signs in, and answers what the page for the permissions must send back.
func (s *storage) identify(id, subject string) (consent string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.requests[id]
	if q == nil || time.Since(q.began) > requestLife {
		return "", errUnknown
	}
	q.subject, q.consent = subject, rand.Text()
	return q.consent, nil
}

// authorize completes a sign-in.
func (s *storage) authorize(id, consent string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.requests[id]
	if q == nil || q.consent == "" || subtle.ConstantTimeCompare([]byte(consent), []byte(q.consent)) != 1 {
		return errUnknown
	}
	q.done, q.authTime = true, time.Now()
	return nil
}

// AuthRequestByID finds a sign-in.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.requests[id]; q != nil {
		return q, nil
	}
	return nil, errUnknown
}

// AuthRequestByCode finds a sign-in by its code, which is good once.
func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id := s.codes[code]
	delete(s.codes, code)
	s.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

// SaveAuthCode keeps a code.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

// DeleteAuthRequest forgets a sign-in.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

// CreateAccessToken gives out an access token.
func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := grantOf(r)
	g.until = time.Now().Add(accessLife)
	id := rand.Text()
	s.access[id] = &g
	return id, g.until, nil
}

// CreateAccessAndRefreshTokens gives out both; a refresh token is good once.
func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (id, refresh string, until time.Time, err error) {
	if id, until, err = s.CreateAccessToken(ctx, r); err != nil {
		return "", "", until, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.refresh[current]; current != "" && !there {
		return "", "", until, op.ErrInvalidRefreshToken
	}
	delete(s.refresh, current)
	g := grantOf(r)
	refresh = rand.Text()
	s.refresh[refresh] = &g
	return id, refresh, until, nil
}

func grantOf(r op.TokenRequest) grant {
	g := grant{subject: r.GetSubject(), client: ClientID, scopes: r.GetScopes(), authTime: time.Now()}
	if timed, ok := r.(interface{ GetAuthTime() time.Time }); ok {
		g.authTime = timed.GetAuthTime()
	}
	return g
}

// TokenRequestByRefreshToken finds what a refresh token stands for.
func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.refresh[token]; g != nil {
		again := *g
		return &again, nil
	}
	return nil, op.ErrInvalidRefreshToken
}

// Withdraw ends everything that a person has granted.
func (s *Server) Withdraw(subject string) {
	_ = s.storage.TerminateSession(context.Background(), subject, ClientID) // never fails
}

// TerminateSession ends everything that a person has granted.
func (s *storage) TerminateSession(_ context.Context, subject, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tokens := range []map[string]*grant{s.access, s.refresh} {
		for id, g := range tokens {
			if g.subject == subject {
				delete(tokens, id)
			}
		}
	}
	return nil
}

// Expire lets all access tokens be over, as if their time had passed.
func (s *Server) Expire() {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	clear(s.storage.access)
}

// RevokeToken ends one token.
func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.access, token)
	delete(s.refresh, token)
	return nil
}

// GetRefreshTokenInfo tells whose refresh token it is.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (subject, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.refresh[token]; g != nil {
		return g.subject, token, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

// subjectOf tells whose access token it is, if it holds and has the scope. Its content is "<id>:<subject>".
func (s *storage) subjectOf(content, scope string) (string, error) {
	id, _, _ := strings.Cut(content, ":")
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.access[id]
	if g == nil || time.Now().After(g.until) || !slices.Contains(g.scopes, scope) {
		return "", errToken
	}
	return g.subject, nil
}

// SigningKey signs ID tokens.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signing{s.key}, nil }

// SignatureAlgorithms are those of the key.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet is the key for others.
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{public{s.key}}, nil }

// GetClientByClientID knows the one client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return portal{redirect: s.redirect}, nil
}

// AuthorizeClientIDSecret checks the client's secret.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(ClientSecret)) != 1 {
		return errUnknown
	}
	return nil
}

// What follows is asked for by the library and of no use here: /api/user tells who somebody is.

// SetUserinfoFromScopes adds nothing.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromToken tells the id.
func (s *storage) SetUserinfoFromToken(_ context.Context, u *oidc.UserInfo, _, subject, _ string) error {
	u.Subject = subject
	return nil
}

// SetIntrospectionFromToken tells nothing.
func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnknown
}

// GetPrivateClaimsFromScopes adds nothing.
func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// GetKeyByIDAndClientID knows no keys of clients.
func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnknown
}

// ValidateJWTProfileScopes allows nothing.
func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnknown
}

// Health is always good.
func (s *storage) Health(context.Context) error { return nil }
