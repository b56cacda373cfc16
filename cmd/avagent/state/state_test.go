package state

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

func openDir(t *testing.T) *Dir {
	dir, err := Open(filepath.Join(t.TempDir(), "new", "state"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT CHECKED on Windows: file modes mean nothing there")
	}
	dir := openDir(t)
	id, err := dir.Identity()
	if err != nil {
		t.Fatal(err)
	}
	release, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	if err := errors.Join(dir.SaveIdentity(id), dir.Update(func(tx *bbolt.Tx) error { return Put(tx, "b", "k", 1) })); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir.Path())
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v; want identity, database and lock", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir.Path()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

func TestIdentityIsMadeOnceAndDamageIsNotPaperedOver(t *testing.T) {
	dir := openDir(t)
	first, err := dir.Identity()
	if err != nil {
		t.Fatal(err)
	}
	second, err := dir.Identity()
	if err != nil || second.GUID != first.GUID || string(second.Secret) != string(first.Secret) {
		t.Fatalf("second reading: %+v, %v; want %+v", second, err, first)
	}
	path := filepath.Join(dir.Path(), "identity.json")
	for _, damage := range []string{"", "{", `{"device_guid":"x"}`, `{"device_guid":"` + first.GUID + `","secret":"AAAA"}`} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := dir.Identity(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("damaged to %q: %+v, %v; want an error that names the file", damage, id, err)
		}
	}
}

func TestADamagedDatabaseIsPutAside(t *testing.T) {
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir.Path(), "state.db"), []byte(strings.Repeat("junk", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.Update(func(tx *bbolt.Tx) error { return Put(tx, "b", "k", "v") }); err != nil {
		t.Fatal(err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir.Path(), "state.db.damaged-*")); len(aside) != 1 {
		t.Fatalf("put aside: %v, want one file", aside)
	}
}

func TestTransactionsOfManyUsersTakeTurns(t *testing.T) {
	path := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		dir, err := Open(path) // each its own, as processes would have
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wg.Go(func() {
				for range 5 {
					if err := dir.Update(func(tx *bbolt.Tx) error {
						var n int
						err := Get(tx, "b", "count", &n)
						return errors.Join(err, Put(tx, "b", "count", n+1))
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	dir, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := dir.View(func(tx *bbolt.Tx) error { return Get(tx, "b", "count", &n) }); err != nil || n != 40 {
		t.Fatalf("count %d, %v; want 40", n, err)
	}
}

func TestViewChangesNothing(t *testing.T) {
	dir := openDir(t)
	if err := dir.View(func(tx *bbolt.Tx) error { return Put(tx, "b", "k", 1) }); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := dir.View(func(tx *bbolt.Tx) error { return Get(tx, "b", "k", &n) }); err != nil || n != 0 {
		t.Fatalf("n = %d, %v after a View", n, err)
	}
}

func TestOneRunsAtATime(t *testing.T) {
	dir := openDir(t)
	release, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Lock(); !errors.Is(err, ErrRunning) {
		t.Fatalf("second Lock: %v, want ErrRunning", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_ = again()
}
