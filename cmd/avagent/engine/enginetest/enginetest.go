// Package enginetest sets up real scanners for tests: ClamAV installed if it can be, a database of one signature, a
// clamd of one's own.
package enginetest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Name of the one signature in the database.
const Name = "Portal.Test.Eicar"

// Eicar is the harmless test file of the antivirus vendors. It is put together here and stands in no file, because
// scanners would flag the checkout.
func Eicar() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-` + `ANTIVIRUS-TEST-FILE!$H+H*`)
}

// Line is the signature that matches Eicar, as a line of an .ndb file. It matches the file's first 60 bytes at any place.
func Line(name string) string {
	return name + ":0:*:" + hex.EncodeToString(Eicar()[:60]) + "\n"
}

// Database makes a directory with the one signature.
func Database(tb testing.TB) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "portal.ndb"), []byte(Line(Name)), 0o644); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// Install makes sure that the programs of ClamAV are there. Where it cannot, the test fails: a scanner that nobody
// checked is worth saying.
func Install(tb testing.TB) {
	tb.Helper()
	missing := ""
	for _, program := range []string{"clamd", "clamscan", "freshclam", "sigtool"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = program
		}
	}
	if missing == "" {
		return
	}
	const notChecked = "NOT CHECKED: the agent against real ClamAV"
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		tb.Fatalf("%s: %s is missing and can be installed only by root with apt. Run: sudo apt-get install --no-install-recommends clamav clamav-daemon", notChecked, missing)
	}
	tb.Logf("%s is missing, installing ClamAV with apt", missing)
	install := []string{"install", "-y", "--no-install-recommends", "clamav", "clamav-daemon"}
	if _, err := apt(install...); err == nil {
		return
	}
	if out, err := apt("update"); err != nil {
		tb.Fatalf("%s: apt-get update: %v\n%s", notChecked, err, out)
	}
	if out, err := apt(install...); err != nil {
		tb.Fatalf("%s: apt-get install: %v\n%s", notChecked, err, out)
	}
}

func apt(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd.CombinedOutput()
}

// StartClamd starts a clamd with the database and returns the path of its socket. It ends with the test, and on
// Linux also with the test's process if that is killed.
func StartClamd(tb testing.TB, database string) (socket string) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "clamd") // tb.TempDir can be too long for the path of a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "clamd.ctl")
	config := filepath.Join(dir, "clamd.conf")
	content := fmt.Sprintf("LocalSocket %s\nDatabaseDirectory %s\nForeground yes\nMaxThreads 2\nFixStaleSocket yes\n", socket, database)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("clamd", "--config-file="+config) //nolint:noctx // the cleanup ends it; the test's context would end it before other cleanups
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited //nolint:errcheck // it was killed, and says so
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := (&net.Dialer{}).DialContext(tb.Context(), "unix", socket); err == nil {
			_ = conn.Close()
			return socket
		}
	}
	tb.Fatal("clamd did not come up in 30 s")
	return ""
}
