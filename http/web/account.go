package web

import (
	_ "embed"
	"net/http"

	"avportal/http/texts"
)

//go:embed account.js
var accountScript []byte

// accountPage is what a page says on which somebody who comes with a link from a mail chooses a password. The secret stands after the
// "#" of the address, which only the browser knows, so the page is the same for everyone, and a script talks to the API.
type accountPage struct {
	Language           texts.Language
	Title, Intro, Done string
	LookUp, Submit     string // of the API; LookUp may be empty
	Email, Password    string
	Code, Send         string
	Incomplete, Away   string
	Continue           string
}

func account(l texts.Language) accountPage {
	return accountPage{
		Language: l, Email: l.Say("E-mail address"), Password: l.Say("Password"), Code: l.Say("Code of the authenticator app"), Continue: l.Say("Continue"),
		Incomplete: l.Say("This link is not complete. Copy it from the mail as a whole."),
		Away:       l.Say("The portal does not answer. Try again in a moment."),
	}
}

// invitation is where an invitation is accepted.
func (s *server) invitation(w http.ResponseWriter, r *http.Request) {
	p := account(texts.Match(r.Header.Get("Accept-Language")))
	p.Title, p.Send = p.Language.Say("You are invited"), p.Language.Say("Accept the invitation")
	p.Intro = p.Language.Say("Choose a password of 8 to 128 characters. Who has an account with this address already gives its password.")
	p.Done = p.Language.Say("Done. You are signed in.")
	p.LookUp, p.Submit = "/api/v1/invitations/look-up", "/api/v1/invitations/accept"
	s.account(w, p)
}

// recovery is where a forgotten password is replaced.
func (s *server) recovery(w http.ResponseWriter, r *http.Request) {
	p := account(texts.Match(r.Header.Get("Accept-Language")))
	p.Title, p.Send = p.Language.Say("Choose a new password"), p.Language.Say("Change the password")
	p.Intro = p.Language.Say("Choose a password of 8 to 128 characters.")
	p.Done = p.Language.Say("Your password is changed. You can sign in by it now.")
	p.Submit = "/api/v1/password-recovery/complete"
	s.account(w, p)
}

func (s *server) account(w http.ResponseWriter, p accountPage) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	s.show(w, http.StatusOK, "account.html", p)
}

func (s *server) script(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(accountScript)
}
