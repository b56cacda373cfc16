package host

import (
	"maps"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"avportal/http/agent/wire"
)

func TestFactsOfThisMachine(t *testing.T) {
	f := Facts(t.Context(), "http://127.0.0.1:8080")
	name, err := os.Hostname()
	if err != nil || f.Hostname != strings.SplitN(name, ".", 2)[0] {
		t.Errorf("host name %q, the system says %q, %v", f.Hostname, name, err)
	}
	if f.OS != runtime.GOOS || f.Arch != runtime.GOARCH || f.OSVersion == "" || f.IP != "127.0.0.1" {
		t.Errorf("facts %+v", f)
	}
	if f.Clean() != 0 {
		t.Errorf("facts outside the limits: %+v", f)
	}
}

func TestLocalIPIsEmptyWhereThereIsNoWay(t *testing.T) {
	for _, server := range []string{"", "::", "http://", "https://no-such-host.invalid"} {
		if ip := localIP(t.Context(), server); ip != "" {
			t.Errorf("localIP(%q) = %q", server, ip)
		}
	}
	if ip := localIP(t.Context(), "https://[::1]"); ip != "" && net.ParseIP(ip) == nil {
		t.Errorf("localIP of the IPv6 loopback = %q", ip)
	}
}

func TestAGuardIsOnOffOrNotThere(t *testing.T) {
	for _, c := range []struct {
		running, installed string
		want               wire.Guards
	}{
		{"", "", wire.Guards{}},
		{"", "clamonacc", wire.Guards{wire.GuardRealtime: false}},
		{"clamonacc", "clamonacc", wire.Guards{wire.GuardRealtime: true}},
		{"clamav-milter", "", wire.Guards{wire.GuardMail: true}},
		{"sshd", "sshd", wire.Guards{}},
	} {
		got := guardsOf(map[string]bool{c.running: true}, func(p string) bool { return p == c.installed })
		if !maps.Equal(got, c.want) {
			t.Errorf("running %q, installed %q: %v, want %v", c.running, c.installed, got, c.want)
		}
	}
}
