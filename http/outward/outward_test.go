package outward

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// forbidden are addresses of the portal's own machine or network, and of no network at all.
var forbidden = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.1.2.3", "127.255.255.255",
	"169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.7", "192.31.196.1",
	"192.52.193.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9",
	"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:192.168.1.1", "::ffff:0.0.0.0", "::ffff:100.64.0.1",
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::",
	"2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
}

func TestWhatIsNotPublicIsNotConnectedTo(t *testing.T) {
	if len(forbidden) < 60 {
		t.Fatalf("%d cases", len(forbidden))
	}
	for _, a := range forbidden {
		if Public(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as public", a)
		}
		if err := (Policy{}).control(t.Context(), "tcp", net.JoinHostPort(a, "443"), nil); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001:82b::200e"} {
		if err := (Policy{}).control(t.Context(), "tcp", net.JoinHostPort(a, "443"), nil); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, port := range []string{"80", "22", "5432", "8443", "0"} {
		if err := (Policy{}).control(t.Context(), "tcp", "8.8.8.8:"+port, nil); !errors.Is(err, ErrPort) {
			t.Errorf("port %s: %v", port, err)
		}
	}
}

// However an address is spelled, and whatever a name comes to, nothing arrives.
func TestNoSpellingGetsThrough(t *testing.T) {
	arrived := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1",
	} {
		for _, p := range []string{port, "443"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+":"+p+"/", strings.NewReader("{}"))
			if err != nil {
				continue
			}
			if res, err := (Policy{Roots: roots(s)}).Client().Do(r); err == nil {
				res.Body.Close()
				t.Errorf("https://%s:%s answers %d", host, p, res.StatusCode)
			}
		}
	}
	if arrived > 0 {
		t.Errorf("%d requests arrived", arrived)
	}
}

// A name that changes between check and use is judged when it is used: the look-up is the dialer's own.
func TestANameIsJudgedByWhatItComesTo(t *testing.T) {
	d := &net.Dialer{ControlContext: Policy{}.control, Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}}
	if c, err := d.DialContext(t.Context(), "tcp", "localhost:443"); !errors.Is(err, ErrAddress) { // by the hosts file
		if err == nil {
			c.Close()
		}
		t.Errorf("localhost: %v", err)
	}
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func TestNoRedirectIsFollowedAndOnlyHTTPSIsSpoken(t *testing.T) {
	arrived := 0
	to := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
	defer to.Close()
	s := httptest.NewTLSServer(http.RedirectHandler(to.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
	defer plain.Close()
	c := Policy{Private: true, Roots: roots(s)}.Client()
	res, err := c.Post(s.URL, "application/json", strings.NewReader("{}"))
	if err != nil || res.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%v, %v", res, err)
	} else {
		res.Body.Close()
	}
	if res, err := c.Post(plain.URL, "application/json", strings.NewReader("{}")); err == nil {
		res.Body.Close()
		t.Error("http was spoken")
	}
	stranger := Policy{Private: true, Roots: x509.NewCertPool()}.Client()
	if res, err := stranger.Post(s.URL, "application/json", strings.NewReader("{}")); err == nil {
		res.Body.Close()
		t.Error("a certificate of a stranger was believed")
	}
	if arrived > 0 {
		t.Errorf("%d requests arrived", arrived)
	}
}

func TestAddressesAreCheckedBeforeTheyAreKept(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://hooks.example/x?y=z": true, "https://hooks.example:443/": true, "https://8.8.8.8/": true,
		"http://hooks.example": false, "ftp://hooks.example": false, "https://": false, "https:hooks.example": false, "hooks.example": false,
		"https://u:p@hooks.example": false, "https://u@hooks.example": false, "https://hooks.example/#x": false, "https://hooks.example:8443": false,
		"https://127.0.0.1": false, "https://[::1]/": false, "https://[::ffff:10.0.0.1]": false, "https://169.254.169.254/latest": false, "": false, "https://a b": false,
	} {
		if err := (Policy{}).Check(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"https://127.0.0.1:8443/x", "https://intranet:444"} {
		if err := (Policy{Private: true}).Check(address); err != nil {
			t.Errorf("%q within a network of one's own: %v", address, err)
		}
	}
	if err := (Policy{Private: true}).Check("http://intranet"); err == nil {
		t.Error("without https")
	}
}
