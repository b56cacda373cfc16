// Package outward calls addresses that people have given. Such a call must not reach what only the portal's own machine or network
// can reach, whatever name or spelling the address has: it is the address that a name has come to that is judged, at the moment of the
// connection, so that a name that is first harmless and then is not gains nothing.
package outward

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"crypto/tls"
)

// Timeout bounds a whole call.
const Timeout = 5 * time.Second

// MaxAnswer is how much of an answer is read, in bytes.
const MaxAnswer = 64 << 10

const httpsPort = 443

// Policy says what may be called.
type Policy struct {
	// Private lets calls reach private and local addresses, on any port: for an intranet, and for tests.
	Private bool
	// Roots are the authorities whose certificates are believed; nil means those of the machine.
	Roots *x509.CertPool
}

// Errors of calls that are not made.
var (
	ErrAddress = errors.New("this address may not be called: it is not a public one")
	ErrPort    = errors.New("only port 443 may be called")
)

// Client calls by https only, follows no redirects, uses no proxy and keeps no connection.
func (p Policy) Client() *http.Client {
	dialer := &net.Dialer{Timeout: Timeout, ControlContext: p.control}
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return nil, errors.New("only https is spoken")
			},
			DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				t := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12}}
				return t.DialContext(ctx, network, address)
			},
			DisableKeepAlives: true, MaxResponseHeaderBytes: MaxAnswer, ResponseHeaderTimeout: Timeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// control sees the address that is about to be connected to, after every look-up.
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q: %w", address, err)
	}
	if p.Private {
		return nil
	}
	if !Public(to.Addr()) {
		return ErrAddress
	}
	if to.Port() != httpsPort {
		return ErrPort
	}
	return nil
}

// Check judges an address before it is kept, as far as it can be told without a look-up. The answer is what people can act on.
func (p Policy) Check(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("not an https address")
	case u.User != nil:
		return errors.New("a user name or password in it")
	case u.Fragment != "":
		return errors.New("a fragment in it")
	case p.Private:
		return nil
	case u.Port() != "" && u.Port() != "443":
		return ErrPort
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !Public(ip) {
		return ErrAddress
	}
	return nil
}

// Public reports whether an address is one of the public internet. What is not known to be is not.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, n := range special {
		if n.Contains(a) {
			return false
		}
	}
	return true
}

// global6 is all that is given out of IPv6.
var global6 = netip.MustParsePrefix("2000::/3")

// special are the networks of the registries for special purposes that look like others (RFC 6890 and its successors).
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

func prefixes(all ...string) (list []netip.Prefix) {
	for _, s := range all {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}
