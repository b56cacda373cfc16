package sessions

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// Names of the cookie. A browser keeps the first one only if it came encrypted from this very host, for the whole of it; on
// a developer's machine, where nothing is encrypted, there is the second.
const (
	cookieName         = "__Host-avportal"
	insecureCookieName = "avportal-insecure"
)

const secretBytes = 32

// Cookies writes and reads the cookie of a session.
type Cookies struct {
	Secure bool // the portal is reached by https
}

// Name is the cookie's.
func (c Cookies) Name() string {
	if c.Secure {
		return cookieName
	}
	return insecureCookieName
}

// Read gives the cookie's value; empty if there is none.
func (c Cookies) Read(r *http.Request) string {
	cookie, err := r.Cookie(c.Name())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// Set gives the browser a session. The cookie lives as long as the browser; how long the session holds is decided here.
func (c Cookies) Set(h http.Header, secret string) { c.add(h, secret, 0) }

// Clear takes it away.
func (c Cookies) Clear(h http.Header) { c.add(h, "", -1) }

func (c Cookies) add(h http.Header, value string, maxAge int) {
	h.Add("Set-Cookie", (&http.Cookie{
		Name: c.Name(), Value: value, Path: "/", MaxAge: maxAge, Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}).String())
}

// ForAWhile is a cookie beside that of the session, for what must come back from the same browser soon.
func (c Cookies) ForAWhile(name, value string, d time.Duration) *http.Cookie {
	if c.Secure {
		name = "__Host-" + name
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(d / time.Second), Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashOf is what is stored of a cookie's value; ok is false if it can't be one.
func hashOf(secret string) (h hash, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(b) != secretBytes {
		return h, false
	}
	return sha256.Sum256([]byte(secret)), true
}
