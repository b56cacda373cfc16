// Package web answers what a browser opens itself, outside of the API: signing in through the Reseller Portal, and the page
// that says who is signed in.
package web

import (
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/http/mail"
	"avportal/http/rsp"
	"avportal/http/signin"
	"avportal/http/signin/sessions"
)

// Paths that this package answers.
const (
	AuthPath     = "/auth/" // begins all but the front page
	LoginPath    = AuthPath + "rsp/login"
	CallbackPath = AuthPath + "rsp/callback"
	signOutPath  = AuthPath + "sign-out"
	scriptPath   = AuthPath + "account.js"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// Config is what the pages work with.
type Config struct {
	PublicURL string // as people's browsers see the portal
	SignIn    *signin.Service
	Reseller  *rsp.Portal
	Cookies   sessions.Cookies
	DB        *pgxpool.Pool
	Log       *slog.Logger
}

type server struct {
	Config
	attempts *attempts
	origins  *http.CrossOriginProtection
}

// New makes the handler of all pages.
func New(c Config) http.Handler {
	s := &server{Config: c, attempts: &attempts{db: c.DB, now: c.SignIn.Now}, origins: http.NewCrossOriginProtection()}
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /{$}":            s.front,
		"GET " + LoginPath:    s.login,
		"GET " + CallbackPath: s.callback,
		"POST " + signOutPath: s.signOut,
		"GET " + scriptPath:   s.script,

		"GET " + mail.InvitationPath: s.invitation,
		"GET " + mail.RecoveryPath:   s.recovery,
	} {
		mux.Handle(pattern, h)
	}
	return s.protect(mux)
}

// protect gives every page its headers. A form may lead to the page itself only.
func (s *server) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.Cookies.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		if err := s.origins.Check(r); err != nil {
			s.problem(w, http.StatusForbidden, "A page of another origin may not do this.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// front says who is signed in.
func (s *server) front(w http.ResponseWriter, r *http.Request) {
	current, err := s.SignIn.Sessions.Authenticate(r.Context(), s.Cookies.Read(r))
	s.show(w, http.StatusOK, "front.html", map[string]any{
		"SignedIn": err == nil, "Session": current, "Login": LoginPath, "SignOut": signOutPath, "Reseller": s.Reseller.Configured(),
	})
}

func (s *server) problem(w http.ResponseWriter, status int, message string) {
	s.show(w, status, "problem.html", map[string]any{"Message": message})
}

func (s *server) show(w http.ResponseWriter, status int, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, page, data); err != nil {
		s.Log.Warn("a page was not sent as a whole", "page", page, "err", err)
	}
}

// localPath is where to go after signing in: a path of this portal, whatever the address said.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
