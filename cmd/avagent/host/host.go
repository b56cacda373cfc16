// Package host finds out what machine the agent runs on, and which protections run beside the scanner.
package host

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/process"

	"avportal/http/agent/wire"
)

// Facts about the machine; what cannot be found out is empty. server is the portal's address: the machine's own is the
// one that it would use to get there.
func Facts(ctx context.Context, server string) wire.Facts {
	f := wire.Facts{OS: runtime.GOOS, Arch: runtime.GOARCH, IP: localIP(ctx, server)}
	if info, err := host.InfoWithContext(ctx); err == nil {
		f.Hostname = info.Hostname
		f.OSVersion = strings.TrimSpace(info.Platform + " " + info.PlatformVersion)
	}
	if f.Hostname == "" {
		f.Hostname, _ = os.Hostname()
	}
	// On Linux and macOS the name may be a full one; the domain is then its rest.
	if name, rest, ok := strings.Cut(f.Hostname, "."); ok && name != "" {
		f.Hostname, f.Domain = name, rest
	}
	if d := domain(); d != "" {
		f.Domain = d
	}
	return f
}

// localIP asks the routing table by connecting a datagram socket, which sends nothing.
func localIP(ctx context.Context, server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return ""
	}
	defer conn.Close()
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return a.IP.String()
	}
	return ""
}

// guardPrograms are the programs of ClamAV whose running is a protection.
func guardPrograms() map[string]string {
	return map[string]string{wire.GuardRealtime: "clamonacc", wire.GuardMail: "clamav-milter"}
}

// Guards tells which protections are on. One whose program is neither running nor installed is left out: the machine
// does not have it.
func Guards(ctx context.Context) wire.Guards {
	running := map[string]bool{}
	if runtime.GOOS != "windows" { // ClamAV has none of these programs there
		processes, err := process.ProcessesWithContext(ctx)
		if err == nil {
			for _, p := range processes {
				if name, err := p.NameWithContext(ctx); err == nil {
					running[name] = true
				}
			}
		}
	}
	return guardsOf(running, func(program string) bool {
		_, err := exec.LookPath(program)
		return err == nil
	})
}

func guardsOf(running map[string]bool, installed func(program string) bool) wire.Guards {
	guards := wire.Guards{}
	for guard, program := range guardPrograms() {
		if running[program] || installed(program) {
			guards[guard] = running[program]
		}
	}
	return guards
}
