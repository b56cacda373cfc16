package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

const launcherEnv = "AVPORTAL_TEST_LAUNCHER"

// TestMain makes the test binary double as a program that starts a server, so that a test can kill it or run it as another user.
func TestMain(m *testing.M) {
	if config := os.Getenv(launcherEnv); config != "" {
		os.Exit(launchAndWait(config))
	}
	goleak.VerifyTestMain(m)
}

// launchAndWait prints the server's URL, or why there is none, and stops the server when standard input ends.
func launchAndWait(config string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var cfg Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	cfg.Log = quiet()
	srv, err := Start(ctx, cfg)
	if err != nil {
		fmt.Println("error:", strings.ReplaceAll(err.Error(), "\n", " / "))
		return 1
	}
	fmt.Println(srv.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := srv.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// launcher is another process that started a server.
type launcher struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
}

// launchFrom starts a launcher; user may be nil for the current one.
func launchFrom(t *testing.T, cfg Config, user *syscall.Credential) *launcher {
	t.Helper()
	config, err := json.Marshal(map[string]any{"DataDir": cfg.DataDir, "CacheDir": cfg.CacheDir, "Fast": cfg.Fast})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(publicTestBinary(t))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), launcherEnv+"="+string(config))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &launcher{t: t, cmd: cmd, stdin: stdin}
	t.Cleanup(l.end)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("the other process started no server: %s %v", line, err)
	}
	l.url = strings.TrimSpace(line)
	return l
}

// publicTestBinary copies the test binary out of go test's 0700 directory, to where every user may run it.
func publicTestBinary(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(publicDir(t), "launcher")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// publicDir is a directory that every user may enter, which t.TempDir is not.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "public-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (l *launcher) end() {
	_ = l.stdin.Close()
	_ = l.cmd.Wait() // its exit code tells nothing after a kill
}

func (l *launcher) kill() {
	l.t.Helper()
	if err := l.cmd.Process.Kill(); err != nil {
		l.t.Fatal(err)
	}
	_ = l.cmd.Wait() // "signal: killed"
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start starts a server and stops it when the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = quiet()
	}
	srv, err := Start(deadline(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, srv) })
	return srv
}

func stop(t *testing.T, srv *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func exec1(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(deadline(t), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(deadline(t))
	if _, err := conn.Exec(deadline(t), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func query1(t *testing.T, url, query string) string {
	t.Helper()
	conn, err := pgx.Connect(deadline(t), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(deadline(t))
	var answer string
	if err := conn.QueryRow(deadline(t), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// eventually waits up to 20 seconds for what another process brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 seconds: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
