package portal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"avportal/http/rsp"
	"avportal/http/signin"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
)

// openSignIn prepares what lets people in.
func (p *Portal) openSignIn(ctx, background context.Context) error {
	vault, err := sessions.New(ctx, p.writers, time.Now)
	if err != nil {
		return err
	}
	p.signin = &signin.Service{Commands: p.commands, Sessions: vault, DB: p.writers, Now: time.Now}
	if p.passwords, err = credentials.New(ctx, p.writers, p.key, time.Now); err != nil {
		return err
	}
	p.reseller, err = rsp.New(ctx, p.cfg.Reseller, rsp.Deps{
		DB: p.writers, Key: p.key, Commands: p.commands, Now: time.Now, Log: p.cfg.Log,
		Go: func(f func(context.Context)) { p.work.Go(func() { f(background) }) },
	})
	return err
}

// public is where browsers find the portal, and what its cookies are like there. Without https nobody may sign in from
// another machine: whoever listens on the way would have his cookie.
func (p *Portal) public() (string, sessions.Cookies, error) {
	address := strings.TrimSuffix(p.cfg.PublicURL, "/")
	if address == "" {
		address = p.URL()
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" {
		return "", sessions.Cookies{}, fmt.Errorf("the public URL must be like https://portal.example, not %q", address)
	}
	switch u.Scheme {
	case "https":
		return address, sessions.Cookies{Secure: true}, nil
	case "http":
		ip := net.ParseIP(u.Hostname())
		if p.cfg.Reseller.Configured() && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "", sessions.Cookies{}, errors.New("people sign in, so the public URL must be https: set --public-url to what the TLS proxy before the portal is called")
		}
		return address, sessions.Cookies{}, nil
	}
	return "", sessions.Cookies{}, fmt.Errorf("the public URL must be http or https, not %q", u.Scheme)
}
