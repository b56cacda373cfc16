package postgres

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nobody answers the user nobody when we are root; otherwise nil: then every test here runs as a plain user anyway.
func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, errU := strconv.ParseUint(u.Uid, 10, 32)
	gid, errG := strconv.ParseUint(u.Gid, 10, 32)
	if errU != nil || errG != nil {
		t.Fatal(errU, errG)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("%T tells no owner", info.Sys())
	}
	return st.Uid
}

func TestAPlainUserRunsAServer(t *testing.T) {
	home := publicDir(t)
	user := nobody(t)
	if user != nil {
		if err := os.Chown(home, int(user.Uid), int(user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(home, "data")
	parent := launchFrom(t, Config{DataDir: dir, Fast: true, CacheDir: filepath.Join(home, "cache")}, user)
	pid := postmaster(t, dir)
	parent.kill()
	eventually(t, "the server ends after its parent", func() bool { return !running(pid) })
	if user == nil {
		return
	}
	// Root then keeps to the owner, so that the plain user can come back.
	stop(t, start(t, Config{DataDir: dir, Fast: true}))
	if got := owner(t, filepath.Join(dir, "PG_VERSION")); got != user.Uid {
		t.Errorf("after a start by root the data belongs to uid %d", got)
	}
	back := launchFrom(t, Config{DataDir: dir, Fast: true}, user)
	back.end()
}

func TestRootRunsTheServerAsAnotherUser(t *testing.T) {
	srv := start(t, Config{Fast: true})
	uid := owner(t, filepath.Join(srv.run.path, "data"))
	if root := os.Geteuid() == 0; root == (uid == uint32(os.Getuid())) {
		t.Errorf("we are uid %d, the data belongs to uid %d", os.Getuid(), uid)
	}
}

// A checkout below a 0700 home is out of reach for every user that root may become.
func TestDataBelowAPrivateDirectory(t *testing.T) {
	home, err := os.MkdirTemp("", "private-") // mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	dir := filepath.Join(home, "checkout", "data")
	srv, err := Start(deadline(t), Config{DataDir: dir, Fast: true, Log: quiet()})
	if err != nil {
		// Only where user namespaces are forbidden, as in some containers.
		for _, who := range namespaced() {
			if _, works := runAs(deadline(t), who, "/", "/bin/sh", "-c", "true"); works == nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(err.Error(), "no other user reaches") {
			t.Fatalf("the error must say what is the matter: %v", err)
		}
		return
	}
	exec1(t, srv.URL(), "CREATE TABLE device AS SELECT 'kiosk' AS name")
	stop(t, srv)

	if got := owner(t, dir); got != uint32(os.Getuid()) {
		t.Errorf("the data belongs to uid %d, nothing here may be given away", got)
	}
	// Opened up, another identity takes over the files.
	moved := filepath.Join(publicDir(t), "data")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	srv = start(t, Config{DataDir: moved, Fast: true})
	if got := query1(t, srv.URL(), "SELECT name FROM device"); got != "kiosk" {
		t.Errorf("after the move: %q", got)
	}
}

func TestLongPaths(t *testing.T) {
	// A socket's path may have 107 bytes; neither the temporary directory nor the checkout respects that.
	long := filepath.Join(publicDir(t), strings.Repeat("long", 20), strings.Repeat("path", 20))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	srv := start(t, Config{DataDir: filepath.Join(long, "data"), Fast: true})
	if got := query1(t, srv.URL(), "SELECT 'alive'"); got != "alive" {
		t.Errorf("with long paths: %q", got)
	}
}
