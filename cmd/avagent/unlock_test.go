package main

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"avportal/cmd/avagent/portaltest"
	"avportal/http/agent/wire"
)

// Given a profile that locks the settings, nobody takes the agent off a device, or to another portal, without the password.
func TestASettingsLockKeepsTheAgentOnTheDevice(t *testing.T) {
	hash, err := argon2id.CreateHash("offen sesam", &argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.enroll()
	away := append([]string{"enroll", "--force", "--server", m.portal.URL(), "--tid", portaltest.TID}, m.flags...)
	const gotThrough = "guid_conflict" // from the portal, which is the same one
	if out := m.do(exitFailure, away...); !strings.Contains(out, gotThrough) {
		t.Errorf("while the settings are open: %s", out)
	}
	agent := m.run()
	m.portal.Offer(wire.Command{
		ID: "c1", Kind: wire.KindApplyProfile, ExpiresAt: time.Now().Add(time.Hour),
		Configuration: &wire.Configuration{Profile: "p1", Edition: 1, Lock: wire.SettingsLock{PasswordHash: hash}},
	})
	m.portal.Wait("the profile is in force", func() bool { return len(m.portal.Results) == 1 })
	kill(agent)
	for _, password := range []string{"", "offen"} {
		t.Setenv(passwordVariable, password)
		for _, args := range [][]string{{"uninstall"}, away, append([]string{"install"}, m.flags...)} {
			if out := m.do(exitFailure, args...); !strings.Contains(out, "locks its settings") {
				t.Errorf("with the password %q, avagent %s says %s", password, args[0], out)
			}
		}
	}
	t.Setenv(passwordVariable, "offen sesam")
	if out := m.do(exitFailure, away...); !strings.Contains(out, gotThrough) {
		t.Errorf("with the password: %s", out)
	}
}
