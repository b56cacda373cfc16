package postgres

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// postmaster answers the process that holds the data directory.
func postmaster(t *testing.T, dataDir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := parsePostmaster(string(text))
	if pid == 0 {
		t.Fatalf("no process in %q", text)
	}
	return pid
}

// running says whether the process does anything still: a zombie that nobody reaps does not.
func running(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestKillingTheParentLeavesNoServerAndNoRowIsLost(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	parent := launchFrom(t, Config{DataDir: dir}, nil)
	exec1(t, parent.url, "CREATE TABLE device (name text)")
	exec1(t, parent.url, "INSERT INTO device VALUES ('kiosk')")
	pid := postmaster(t, dir)
	parent.kill()
	eventually(t, "the server ends after its parent", func() bool { return !running(pid) })

	srv := start(t, Config{DataDir: dir})
	if got := query1(t, srv.URL(), "SELECT string_agg(name, ' ') FROM device"); got != "kiosk" {
		t.Errorf("after kill -9 of the parent: %q", got)
	}
	left, err := filepath.Glob(filepath.Join(runDirBase(false), runDirPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range left {
		if strings.Contains(parent.url, filepath.Base(dir)) {
			t.Errorf("the socket directory of the killed one is still there: %s", dir)
		}
	}
}

func TestAStartRightAfterAKillWaitsForTheOldServer(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	for round := range 3 {
		parent := launchFrom(t, Config{DataDir: dir}, nil)
		exec1(t, parent.url, fmt.Sprintf("CREATE TABLE round%d AS SELECT generate_series(1, 50000)", round))
		parent.kill() // the server now writes its last checkpoint
	}
	srv := start(t, Config{DataDir: dir})
	if got := query1(t, srv.URL(), "SELECT count(*)::text FROM pg_tables WHERE tablename LIKE 'round%'"); got != "3" {
		t.Errorf("%s of 3 tables survived", got)
	}
}

func TestKillingTheServerItself(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	var log lockedText
	srv := start(t, Config{DataDir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	exec1(t, srv.URL(), "CREATE TABLE device AS SELECT 'kiosk' AS name")
	if err := srv.proc.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-srv.proc.done
	eventually(t, "the log tells that the server ended", func() bool {
		return strings.Contains(log.String(), "Postgres ended by itself")
	})
	again := start(t, Config{DataDir: dir}) // its postmaster.pid and, for a moment, its sessions are still there
	if got := query1(t, again.URL(), "SELECT name FROM device"); got != "kiosk" {
		t.Errorf("after kill -9 of the server: %q", got)
	}
}

func TestKillingTheParentOfATemporaryServerRemovesItsData(t *testing.T) {
	parent := launchFrom(t, Config{Fast: true}, nil)
	data := query1(t, parent.url, "SHOW data_directory")
	pid := postmaster(t, data)
	parent.kill()
	eventually(t, "server and data are gone", func() bool { return !running(pid) && !exists(filepath.Dir(data)) })
}

func TestTheNextStartSweepsAbandonedDirectories(t *testing.T) {
	base := publicDir(t)
	abandoned, used := filepath.Join(base, runDirPrefix+"1"), filepath.Join(base, runDirPrefix+"2")
	foreign := filepath.Join(base, runDirPrefix+"link")
	for _, dir := range []string{abandoned, used} {
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := lockFile(deadline(t), filepath.Join(used, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(abandoned, "lock"), filepath.Join(foreign, "lock")); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	if exists(abandoned) || !exists(used) || !exists(foreign) {
		t.Errorf("abandoned there %v, used there %v, foreign there %v", exists(abandoned), exists(used), exists(foreign))
	}
}

// After a reboot the number in postmaster.pid may belong to any program.
func TestAReusedProcessNumberDoesNotBlockTheStart(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	first := start(t, Config{DataDir: dir, Fast: true})
	who := first.proc.cmd.SysProcAttr.Credential
	file := filepath.Join(dir, "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	bystander := exec.Command("sleep", "60")
	bystander.SysProcAttr = &syscall.SysProcAttr{Credential: who} // of the same user, or the server would know better
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}()
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%d\n%s", bystander.Process.Pid, rest), 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(t, Config{DataDir: dir, Fast: true})
	if second.proc == nil {
		t.Error("took a sleep for a server")
	}
}

// What ends the server where the system has no parent-death signal.
func TestTheWatcherInterruptsWhenItsParentIsGone(t *testing.T) {
	server := exec.Command("sleep", "60")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill() }()
	w := watch(server.Process.Pid, true, "", quiet())
	if w == nil {
		t.Fatal("no watcher")
	}
	defer w.dismiss()
	if err := w.input.Close(); err != nil { // as the system does when we die
		t.Fatal(err)
	}
	err := server.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("the server ended by %v, want an interrupt", err)
	}
}

// lockedText collects a log that several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
