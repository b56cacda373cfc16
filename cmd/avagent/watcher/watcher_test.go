package watcher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// follower collects what is told of a folder.
type follower struct {
	*testing.T
	root string

	mu   sync.Mutex
	told map[string]int
}

func follow(t *testing.T, skip func(string) bool) *follower {
	t.Helper()
	f := &follower{T: t, root: t.TempDir(), told: map[string]int{}}
	f.write("old")
	w, err := New(Config{Roots: []string{f.root, filepath.Join(f.root, "missing")}, Skip: skip, Quiet: 50 * time.Millisecond, Again: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, f.note) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *follower) note(_ context.Context, paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range paths {
		rel, err := filepath.Rel(f.root, p)
		if err != nil {
			f.Error(err)
		}
		f.told[filepath.ToSlash(rel)]++
	}
}

func (f *follower) times(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told[name]
}

func (f *follower) write(name string) {
	f.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		f.Fatal(err)
	}
}

func (f *follower) wait(name string, times int) {
	f.Helper()
	for deadline := time.Now().Add(20 * time.Second); f.times(name) < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("%s was told %d times, want %d", name, f.times(name), times)
		}
	}
}

func TestFilesAreTold(t *testing.T) {
	f := follow(t, nil)
	f.write("new")
	f.wait("new", 1)
	f.write("a/b/c/deep") // folders that were not there
	f.wait("a/b/c/deep", 1)
	f.write("a/b/c/deeper")
	f.wait("a/b/c/deeper", 1)
	if err := os.Remove(filepath.Join(f.root, "new")); err != nil {
		t.Fatal(err)
	}
	f.wait("new", 2)
	if err := os.Rename(filepath.Join(f.root, "a/b"), filepath.Join(f.root, "moved")); err != nil {
		t.Fatal(err)
	}
	f.wait("moved/c/deep", 1)
	if n := f.times("old"); n != 0 {
		t.Errorf("what nobody touched was told %d times", n)
	}
}

func TestLinksAndFoldersLeftOutAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	f := follow(t, func(dir string) bool { return filepath.Base(dir) == "own" })
	f.write("own/x")
	if err := os.Symlink(outside, filepath.Join(f.root, "link")); err != nil {
		t.Fatal(err)
	}
	f.write("seen")
	f.wait("seen", 1)
	if err := os.WriteFile(filepath.Join(outside, "far"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.write("own/y")
	f.write("last")
	f.wait("last", 1)
	for _, name := range []string{"own/x", "own/y", "link", "link/far"} {
		if n := f.times(name); n != 0 {
			t.Errorf("%s was told %d times", name, n)
		}
	}
}

// A file that is written all the time is told now and then, not all the time; and many at once are all told.
func TestManyChanges(t *testing.T) {
	f := follow(t, nil)
	began := time.Now()
	for range 30 {
		f.write("busy")
		time.Sleep(50 * time.Millisecond)
	}
	f.write("end")
	f.wait("end", 1)
	f.wait("busy", 1)
	if n, seconds := f.times("busy"), time.Since(began).Seconds(); float64(n) > seconds+2 {
		t.Errorf("told %d times in %.1f seconds", n, seconds)
	}
	const files = maxBatch + 200
	for i := range files {
		f.write(fmt.Sprintf("many/%d/%d", i%7, i))
	}
	for i := range files {
		f.wait(fmt.Sprintf("many/%d/%d", i%7, i), 1)
	}
}

func TestNothingToFollow(t *testing.T) {
	if _, err := New(Config{Roots: []string{filepath.Join(t.TempDir(), "missing")}}); err == nil {
		t.Error("followed nothing")
	}
}
