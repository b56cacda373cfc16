package enginetest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"avportal/http/agent/wire"
)

// tunnels is a proxy that lets whoever has the name and the password through to one address, whatever he asks for.
type tunnels struct {
	to     string
	opened atomic.Int32
}

func (p *tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	if user, password, ok := shown.BasicAuth(); !ok || user != "av" || password != "geheim" || r.Method != http.MethodConnect {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	p.opened.Add(1)
	w.WriteHeader(http.StatusOK)
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	go func() { _, _ = io.Copy(there, here) }() // until either closes
	_, _ = io.Copy(here, there)
}

// Proxy is a proxy that lets through to one address, whatever it is asked for, and counts how often it did.
func Proxy(tb testing.TB, to string) (p wire.Proxy, opened *atomic.Int32) {
	tb.Helper()
	t := &tunnels{to: to}
	server := httptest.NewServer(t)
	tb.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		tb.Fatal(err)
	}
	return wire.Proxy{Host: host, Port: number, User: "av", Password: "geheim"}, &t.opened
}
