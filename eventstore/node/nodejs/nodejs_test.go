package nodejs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"avportal/eventstore/node/nodetest"
)

// want are the checks that must pass, so that one that does not run is a failure, too.
var want = []string{
	"append", "conflict", "read a stream", "read $all", "read links", "filtered subscription with checkpoints",
	"subscription to a stream", "persistent subscription", "persistent subscription to $all", "metadata", "delete and tombstone",
}

func TestNodeJSClient(t *testing.T) {
	dir := install(t)
	n := nodetest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "check.js"), n.ConnectionString())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var passed []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
			passed = append(passed, name)
		}
	}
	if !slices.Equal(passed, want) {
		t.Errorf("passed %q, want %q\n%s", passed, want, out)
	}
}

// install puts the client, as the lock file has it, into a folder of the user's cache, and the checks beside it.
func install(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			notChecked(t, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lock := readFile(t, "package-lock.json")
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "avportal", fmt.Sprintf("nodejs-%x", sum[:6]))
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := fetch(t, dir, lock); err != nil {
			notChecked(t, err)
		}
	}
	work := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "node_modules"), filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"check.js", "package.json"} {
		writeFile(t, filepath.Join(work, name), readFile(t, name))
	}
	return work
}

// fetch makes the folder in one step, because other runs may do the same.
func fetch(t *testing.T, dir string, lock []byte) error {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "nodejs-new-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	writeFile(t, filepath.Join(temp, "package-lock.json"), lock)
	writeFile(t, filepath.Join(temp, "package.json"), readFile(t, "package.json"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return err
		}
	}
	return nil
}

// notChecked skips, aloud.
func notChecked(t *testing.T, why error) {
	t.Helper()
	fmt.Fprintf(os.Stderr, "NOT CHECKED: the node with the NodeJS client: %v\n", why)
	t.Skipf("NOT CHECKED: the node with the NodeJS client: %v", why)
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
