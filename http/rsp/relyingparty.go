package rsp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// patience is how long one request to the Reseller Portal may take.
const patience = 10 * time.Second

// RelyingParty signs people in through the Reseller Portal. It finds out about it when it is first needed, so that the portal
// starts although the Reseller Portal is away.
type RelyingParty struct {
	config Config
	client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
}

// NewRelyingParty makes one.
func NewRelyingParty(c Config) *RelyingParty {
	return &RelyingParty{config: c, client: &http.Client{Timeout: patience}}
}

// Secrets are what a sign-in that has begun must remember until the person comes back.
type Secrets struct {
	State    string // comes back with the person
	Nonce    string // comes back in the ID token
	Verifier string // of PKCE: goes to the Reseller Portal directly, with the code
}

// Grant is what the Reseller Portal lets us do in a person's name.
type Grant struct {
	Access  string
	Refresh string
	Expiry  time.Time // of Access
}

// AuthURL is where the person signs in and authorizes.
func (p *RelyingParty) AuthURL(ctx context.Context, redirect string, s Secrets) (string, error) {
	c, _, err := p.discover(ctx, redirect)
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(s.State, oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)), nil
}

// Redeem turns the code that a person came back with into who he is and what he has granted.
func (p *RelyingParty) Redeem(ctx context.Context, redirect, code string, s Secrets) (subject string, g Grant, err error) {
	c, provider, err := p.discover(ctx, redirect)
	if err != nil {
		return "", g, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return "", g, tokenError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", g, fmt.Errorf("%w: %w", errRefused, err)
	}
	if id.Nonce != s.Nonce {
		return "", g, fmt.Errorf("%w: the ID token is of another sign-in", errRefused)
	}
	return id.Subject, grantOf(token), nil
}

// Refresh gives a grant that holds on. The Reseller Portal may replace the refresh token, after which the old one is
// worthless: keep the new one.
func (p *RelyingParty) Refresh(ctx context.Context, refresh string) (Grant, error) {
	c, _, err := p.discover(ctx, "")
	if err != nil {
		return Grant{}, err
	}
	token, err := c.TokenSource(oidc.ClientContext(ctx, p.client), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return Grant{}, tokenError(err)
	}
	return grantOf(token), nil
}

func grantOf(t *oauth2.Token) Grant {
	return Grant{Access: t.AccessToken, Refresh: t.RefreshToken, Expiry: t.Expiry}
}

// tokenError tells a refusal from a Reseller Portal that is away.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError && refused.Response.StatusCode != http.StatusTooManyRequests {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return errors.Join(ErrUnavailable, err)
}

// Refused reports whether an error of Redeem means that the sign-in itself is not accepted.
func Refused(err error) bool { return errors.Is(err, errRefused) }

func (p *RelyingParty) discover(ctx context.Context, redirect string) (*oauth2.Config, *oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider == nil {
		// The provider goes on fetching signing keys with this context, so it must not end with the request.
		provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.config.Issuer)
		if err != nil {
			return nil, nil, errors.Join(ErrUnavailable, err)
		}
		p.provider = provider
	}
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: p.provider.Endpoint(), RedirectURL: redirect, Scopes: Scopes,
	}, p.provider, nil
}
