package demorsp

import (
	"embed"
	"html/template"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/op"

	"avportal/http/rsp"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// front lists licenses, each with a button that renews it, so that one can watch the portal follow.
func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	type row struct {
		rsp.License
		Reseller string
	}
	var rows []row
	seen := map[string]bool{}
	for _, u := range s.Users() {
		if seen[u.Reseller.ID] {
			continue
		}
		seen[u.Reseller.ID] = true
		_, licenses := s.list(u.Reseller.ID)
		for _, l := range licenses {
			rows = append(rows, row{l, u.Reseller.ID})
		}
	}
	show(w, r, "front.html", map[string]any{"Licenses": rows, "Users": s.Users(), "Password": Password})
}

func (s *Server) renewByHand(w http.ResponseWriter, r *http.Request) {
	s.Change(r.FormValue("reseller"), r.PathValue("id"), func(l *rsp.License) {
		if !l.ValidUntil.IsZero() {
			l.ValidUntil = l.ValidUntil.AddDate(max(1, l.TermYears), 0, 0)
		}
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	show(w, r, "login.html", map[string]any{"Request": r.FormValue("request"), "Users": s.Users(), "Password": Password})
}

// login checks who it is, and asks for the three permissions.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("request")
	u, ok := s.find(func(u rsp.User) bool { return u.Email == r.FormValue("email") })
	if !ok || r.FormValue("password") != Password {
		w.WriteHeader(http.StatusUnauthorized)
		show(w, r, "login.html", map[string]any{"Request": id, "Users": s.Users(), "Password": Password, "Wrong": true})
		return
	}
	consent, err := s.storage.identify(id, u.ID)
	if err != nil {
		http.Error(w, "This sign-in is too old. Begin again in the portal.", http.StatusBadRequest)
		return
	}
	show(w, r, "consent.html", map[string]any{"Request": id, "Consent": consent, "User": u})
}

// authorize is what the one button does.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("request")
	if err := s.storage.authorize(id, r.FormValue("consent")); err != nil {
		http.Error(w, "This sign-in is too old. Begin again in the portal.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, op.AuthCallbackURL(s.provider)(r.Context(), id), http.StatusSeeOther)
}

func show(w http.ResponseWriter, _ *http.Request, name string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	_ = pages.ExecuteTemplate(w, name, data) // the caller has gone if this fails
}
