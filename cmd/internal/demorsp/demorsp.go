// Package demorsp is a demo Reseller Portal: a small OpenID provider with a page to sign in and authorize, and the API that
// lists accounts and licenses. It is for trying out and for tests: everybody's password is "demo", and it forgets all when it
// ends.
package demorsp

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"avportal/http/rsp"
	"avportal/http/web"
)

// Client is the portal, as the demo knows it.
const (
	ClientID     = "avportal"
	ClientSecret = "demo-secret"
)

// Password is everybody's.
const Password = "demo"

// Server is a running demo Reseller Portal.
type Server struct {
	*Inventory
	url      string
	storage  *storage
	provider *op.Provider
	http     *http.Server
	done     chan struct{}
}

// Serve answers on a listener until Close. It knows nobody before Open.
func Serve(l net.Listener) (*Server, error) {
	s := &Server{Inventory: NewInventory(), url: "http://" + l.Addr().String(), done: make(chan struct{})}
	var err error
	if s.storage, err = newStorage(); err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	config := &op.Config{CryptoKey: key, CryptoKeyId: "demo", CodeMethodS256: true, GrantTypeRefreshToken: true}
	if s.provider, err = op.NewProvider(config, s.storage, op.StaticIssuer(s.url), op.WithAllowInsecure()); err != nil {
		return nil, err
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends by Close
	}()
	return s, nil
}

// Close ends it.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Open tells it what it knows, and where the portal is that people go back to after they have authorized it.
func (s *Server) Open(i *Inventory, portal string) {
	s.storage.allow(portal + web.CallbackPath)
	s.become(i)
}

// Config is what the portal needs to know.
func (s *Server) Config() rsp.Config {
	return rsp.Config{Issuer: s.url, ClientID: ClientID, ClientSecret: ClientSecret, API: s.url + "/api"}
}

// URL is where it answers.
func (s *Server) URL() string { return s.url }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.front)
	mux.HandleFunc("POST /licenses/{id}/renew", s.renewByHand)
	mux.HandleFunc("GET /login", s.loginPage)
	interceptor := op.NewIssuerInterceptor(s.provider.IssuerFromRequest)
	mux.HandleFunc("POST /login", s.login)
	mux.Handle("POST /authorize-portal", interceptor.HandlerFunc(s.authorize))
	mux.HandleFunc("GET /api/user", s.permitted("user", s.apiUser))
	mux.HandleFunc("GET /api/accounts", s.permitted("accounts", s.apiAccounts))
	mux.HandleFunc("GET /api/licenses", s.permitted("licenses", s.apiLicenses))
	mux.HandleFunc("GET /api/licenses/{id}", s.permitted("licenses", s.apiLicense))
	mux.Handle("/", s.provider)
	return mux
}

// permitted lets requests pass whose access token has a permission.
func (s *Server) permitted(scope string, next func(http.ResponseWriter, *http.Request, rsp.User)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		subject, err := s.subject(r.Context(), r.Header.Get("Authorization"), scope)
		user, known := s.user(subject)
		switch {
		case err != nil || !known:
			http.Error(w, `{"error":"invalid_token"}`, http.StatusUnauthorized)
		case s.down():
			http.Error(w, `{"error":"maintenance"}`, http.StatusServiceUnavailable)
		default:
			next(w, r, user)
		}
	}
}

var errToken = errors.New("no such token")

func (s *Server) subject(_ context.Context, authorization, scope string) (string, error) {
	const scheme = "Bearer "
	if len(authorization) < len(scheme) || authorization[:len(scheme)] != scheme {
		return "", errToken
	}
	content, err := s.provider.Crypto().Decrypt(authorization[len(scheme):])
	if err != nil {
		return "", errToken
	}
	return s.storage.subjectOf(content, scope)
}
