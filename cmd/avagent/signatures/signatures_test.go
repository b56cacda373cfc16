package signatures

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func set(t testing.TB, file, content string) *Set {
	t.Helper()
	s, err := loadText(t.TempDir(), file, content)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func loadText(dir, file, content string) (*Set, error) {
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		return nil, err
	}
	return Load(dir)
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		signature string
		hits      []string
		misses    []string
	}{
		{"0:*:616263", []string{"abc", "xxabcxx", "ababc"}, []string{"", "ab", "abd", "ABC"}},
		{"0:*:616263:73:99", []string{"abc"}, nil},
		{"0:0:616263", []string{"abc", "abcx"}, []string{"xabc"}},
		{"0:2:616263", []string{"xxabc"}, []string{"abc", "xabc", "xx"}},
		{"0:EOF-3:616263", []string{"abc", "xxabc"}, []string{"abcx", "ab"}},
		{"0:EOF-0:616263", nil, []string{"abc"}},
		{"0:*:61??6263", []string{"axbc", "aabc", "xaxbc"}, []string{"abc", "a"}},
		{"0:*:6?6263", []string{"abc", "obc", "aabc"}, []string{"0bc"}},
		{"0:*:?16263", []string{"Abc", "abc", "qbc"}, []string{"bbc"}},
		{"0:*:6162*6364", []string{"abcd", "ab--cd", "abab cdcd"}, []string{"cdab", "abd", "abccc"}},
		{"0:0:6162*6364", []string{"ab--cd"}, []string{"-ab--cd"}},
		{"0:*:6161*6161", []string{"aaaa", "aa-aa"}, []string{"aaa"}},
		{"0:*:3F3f4A", []string{"??J"}, []string{"??j"}},
	} {
		s := set(t, "a.ndb", "Name.UNOFFICIAL:"+c.signature+"\n")
		for _, content := range c.hits {
			if name, ok := s.Match([]byte(content)); !ok || name != "Name" {
				t.Errorf("%s misses %q (%q)", c.signature, content, name)
			}
		}
		for _, content := range c.misses {
			if _, ok := s.Match([]byte(content)); ok {
				t.Errorf("%s hits %q", c.signature, content)
			}
		}
	}
}

func TestHashes(t *testing.T) {
	content := []byte("whole file")
	s := set(t, "a.hdb", fmt.Sprintf("%X:%d:By.MD5\n", md5.Sum(content), len(content)))
	if name, ok := s.Match(content); !ok || name != "By.MD5" {
		t.Errorf("MD5 and size: %q, %v", name, ok)
	}
	s = set(t, "a.hdb", fmt.Sprintf("%x:%d:Wrong.Size\n", md5.Sum(content), len(content)+1))
	if name, ok := s.Match(content); ok {
		t.Errorf("MD5 of another size: %q", name)
	}
	s = set(t, "a.hsb", fmt.Sprintf("# by digest\n\n%x:*:By.SHA256:73\r\n", sha256.Sum256(content)))
	if name, ok := s.Match(content); !ok || name != "By.SHA256" {
		t.Errorf("SHA-256 of any size: %q, %v", name, ok)
	}
}

func TestLinesForTheRealClamAVAreCountedNotGuessed(t *testing.T) {
	s := set(t, "a.ndb", strings.Join([]string{
		"Ok:0:*:616263", "Pe:1:*:616263", "Entry:0:EP+0:616263", "Floating:0:1,5:616263", "Jump:0:*:6162{2-4}6364", "Alt:0:*:6162(63|64)6566", "Neg:0:*:6162!(63)6465",
	}, "\n"))
	if s.Len() != 1 || s.Unsupported != 6 {
		t.Fatalf("%d usable, %d unsupported; want 1 and 6", s.Len(), s.Unsupported)
	}
}

func TestDamagedDatabasesAreRefusedWithTheLine(t *testing.T) {
	for _, line := range []string{
		"junk", "A:0:*", "A:0:*:6", "A:0:*:zz", "A:0:*:", "A:x:*:616263", "A:0:*:61*6263", "A:0:*:??????", ":0:*:616263", "A:0:99999999999:616263",
	} {
		_, err := loadText(t.TempDir(), "a.ndb", "Ok:0:*:616263\n"+line+"\n")
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf(".ndb %q: %v, want an error that names line 2", line, err)
		}
	}
	for _, line := range []string{"junk", "abcd:1:A", strings.Repeat("z", 32) + ":1:A", strings.Repeat("a", 32) + ":-1:A", strings.Repeat("a", 32) + ":1:"} {
		if _, err := loadText(t.TempDir(), "a.hdb", line+"\n"); err == nil {
			t.Errorf(".hdb %q was accepted", line)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := ReadVersion(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, ErrNone) {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestParseHeader(t *testing.T) {
	v, err := ParseHeader("ClamAV-VDB:17 Nov 2026 14-03 +0200:27:1:90:X:X:builder:1795003380" + strings.Repeat(" ", 400))
	if want := (Version{"27", time.Date(2026, 11, 17, 12, 3, 0, 0, time.UTC)}); err != nil || v != want {
		t.Fatalf("ParseHeader = %+v, %v", v, err)
	}
	for _, bad := range []string{"", "ClamAV-VDB", "ClamAV-VDB:yesterday:1:1:1:1:1:1", "ClamAV-VDB:17 Nov 2026 14-03 +0200:<b>:1:1:1:1:1", "PK:1:1:1:1:1:1:1"} {
		if v, err := ParseHeader(bad); err == nil {
			t.Errorf("ParseHeader(%q) = %+v", bad, v)
		}
	}
}

// TestPatternsAgainstASlowTruth compares the matcher with the plainest possible reading of a signature.
func TestPatternsAgainstASlowTruth(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		signature := rapid.StringMatching(`(6[12]){2}((6[12])|\?\?|6\?|\?2){0,3}(\*(6[12]){2,3}){0,2}`).Draw(t, "signature")
		content := rapid.StringMatching(`[abqr]{0,14}`).Draw(t, "content")
		s, err := loadText(dir, "a.ndb", "N:0:*:"+signature)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := s.Match([]byte(content)); got != slowly(signature, content) {
			t.Fatalf("%s in %q: %v", signature, content, got)
		}
	})
}

func slowly(signature, content string) bool {
	for from := range len(content) + 1 {
		if slowlyAt(signature, content[from:]) {
			return true
		}
	}
	return false
}

func slowlyAt(signature, content string) bool {
	switch {
	case signature == "":
		return true
	case signature[0] == '*':
		return slowly(signature[1:], content)
	case content == "":
		return false
	}
	digits := fmt.Sprintf("%02x", content[0])
	return (signature[0] == '?' || signature[0] == digits[0]) && (signature[1] == '?' || signature[1] == digits[1]) &&
		slowlyAt(signature[2:], content[1:])
}

func FuzzSignatureLines(f *testing.F) {
	for _, line := range []string{"A:0:*:616263", "A:0:EOF-9:61??62*6?63:1:2", strings.Repeat("a", 32) + ":3:A", "A:1:EP+0:{", "::::", "A:0:2147483647:6161"} {
		f.Add(line, []byte("content abc"))
	}
	f.Fuzz(func(t *testing.T, line string, content []byte) {
		s := &Set{hashes: map[int64]map[string]string{}}
		if err := s.addPattern(line); err == nil && s.Len()+s.Unsupported != 1 {
			t.Fatalf("pattern %q is neither usable nor unsupported", line)
		}
		if err := s.addHash(line); err == nil && s.Len() == 0 {
			t.Fatalf("hash %q left nothing", line)
		}
		if name, ok := s.Match(content); ok && name == "" && !strings.HasPrefix(line, Suffix) && !strings.Contains(line, ":"+Suffix) {
			t.Fatalf("%q matched without a name", line)
		}
		_, _ = ParseHeader(line)
	})
}
