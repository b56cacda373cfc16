package demorsp

import (
	"crypto/ecdsa"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// request is a sign-in that has begun.
type request struct {
	*oidc.AuthRequest
	id       string
	began    time.Time
	subject  string
	consent  string
	done     bool
	authTime time.Time
}

func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return "" }
func (r *request) GetAMR() []string       { return []string{"pwd"} }
func (r *request) GetAudience() []string  { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.authTime }
func (r *request) GetClientID() string    { return r.ClientID }
func (r *request) GetNonce() string       { return r.Nonce }
func (r *request) GetScopes() []string    { return r.Scopes }
func (r *request) GetSubject() string     { return r.subject }
func (r *request) Done() bool             { return r.done }

func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

// A grant is renewed by its refresh token.

func (g *grant) GetAMR() []string                 { return []string{"pwd"} }
func (g *grant) GetAudience() []string            { return []string{g.client} }
func (g *grant) GetAuthTime() time.Time           { return g.authTime }
func (g *grant) GetClientID() string              { return g.client }
func (g *grant) GetScopes() []string              { return g.scopes }
func (g *grant) GetSubject() string               { return g.subject }
func (g *grant) SetCurrentScopes(scopes []string) { g.scopes = scopes }

// portal is the one client.
type portal struct{ redirect string }

func (p portal) GetID() string                       { return ClientID }
func (p portal) RedirectURIs() []string              { return []string{p.redirect} }
func (p portal) PostLogoutRedirectURIs() []string    { return nil }
func (p portal) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (p portal) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (p portal) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (p portal) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}
func (p portal) LoginURL(id string) string            { return "/login?request=" + id }
func (p portal) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (p portal) IDTokenLifetime() time.Duration       { return accessLife }
func (p portal) DevMode() bool                        { return true } // http
func (p portal) IDTokenUserinfoClaimsAssertion() bool { return false }
func (p portal) ClockSkew() time.Duration             { return 0 }
func (p portal) IsScopeAllowed(scope string) bool {
	return slices.Contains([]string{"user", "accounts", "licenses"}, scope)
}

func (p portal) RestrictAdditionalIdTokenScopes() func([]string) []string     { return none } //nolint:revive // the library's name
func (p portal) RestrictAdditionalAccessTokenScopes() func([]string) []string { return none }

func none([]string) []string { return nil }

// signing is the key that ID tokens are signed with, public what others verify them by.
type signing struct{ key *ecdsa.PrivateKey }

func (s signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (s signing) Key() any                                    { return s.key }
func (s signing) ID() string                                  { return "demo" }

type public struct{ key *ecdsa.PrivateKey }

func (p public) ID() string                         { return "demo" }
func (p public) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (p public) Use() string                        { return "sig" }
func (p public) Key() any                           { return &p.key.PublicKey }
