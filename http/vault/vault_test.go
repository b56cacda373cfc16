package vault

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func load(t *testing.T, file string) *Key {
	t.Helper()
	k, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatIsSealedOpensWithTheSameKeyAndPurposeOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "vault.key")
	k := load(t, file)
	sealed := k.Seal("token of u1", []byte("geheim"))
	if bytes.Contains(sealed, []byte("geheim")) || bytes.Equal(sealed, k.Seal("token of u1", []byte("geheim"))) {
		t.Error("what is sealed can be read or recognized")
	}
	if got, err := load(t, file).Open("token of u1", sealed); err != nil || string(got) != "geheim" {
		t.Errorf("opened after a restart: %q, %v", got, err)
	}
	if _, err := k.Open("token of u2", sealed); err == nil {
		t.Error("it opens for another person")
	}
	if _, err := load(t, filepath.Join(t.TempDir(), "vault.key")).Open("token of u1", sealed); err == nil {
		t.Error("it opens with another key")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := k.Open("token of u1", sealed); err == nil {
		t.Error("it opens although it was changed")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is readable by others: %v, %v", info.Mode(), err)
	}
}

func TestDigests(t *testing.T) {
	k := load(t, filepath.Join(t.TempDir(), "vault.key"))
	if !bytes.Equal(k.Digest("login", "a@b.de"), k.Digest("login", "a@b.de")) {
		t.Error("the same text has two digests")
	}
	if bytes.Equal(k.Digest("login", "a@b.de"), k.Digest("address", "a@b.de")) || bytes.Equal(k.Digest("login", "a@b.de"), k.Digest("login", "b@b.de")) {
		t.Error("different texts have one digest")
	}
}

// Portals that start at once on a shared folder agree on one key.
func TestOneKeyIsMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vault.key")
	digests := make([][]byte, 20)
	var all sync.WaitGroup
	for i := range digests {
		all.Go(func() {
			if k, err := Load(file); err == nil {
				digests[i] = k.Digest("", "")
			}
		})
	}
	all.Wait()
	for _, d := range digests {
		if d == nil || !bytes.Equal(d, digests[0]) {
			t.Fatal("two keys were made")
		}
	}
	if err := os.WriteFile(file, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil {
		t.Error("a damaged key passes")
	}
}
