package devicelog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func unzipped(t *testing.T, content []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheAgentsOwnLogIsKeptAndCollected(t *testing.T) {
	dir := t.TempDir()
	var shown bytes.Buffer
	log := Keep(slog.New(slog.NewTextHandler(&shown, nil)), dir)
	log.Info("command begins", "path", "/home/vera/x")
	if !strings.Contains(shown.String(), "command begins") {
		t.Errorf("what is kept is not shown any more: %q", shown.String())
	}
	content, err := Collect([]Source{Own(dir), {"engine", filepath.Join(dir, "none*.log")}}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if text := unzipped(t, content); !strings.Contains(text, "command begins") || !strings.Contains(text, "nothing at") || strings.Contains(text, "vera") {
		t.Errorf("the log: %s", text)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
}

func TestNamesOfPeopleAreLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		`/home/vera/x.txt: Eicar FOUND`:            `/home/*/x.txt: Eicar FOUND`,
		`path="/Users/vera/Desktop"`:               `path="/Users/*/Desktop"`,
		`C:\Users\Vera Vogel\x.exe`:                `C:\Users\*\x.exe`,
		`path="c:\\users\\Vera Vogel\\x.exe" ok=1`: `path="c:\\users\\*\\x.exe" ok=1`,
		`roots=[/home /srv]`:                       `roots=[/home /srv]`,
		`/var/tmp/x`:                               `/var/tmp/x`,
	} {
		if got := string(redact([]byte(in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// The newest lines are sent, whole, from as many files as it takes, and never more than the limit.
func TestALongLogIsCutAtItsBeginning(t *testing.T) {
	dir := t.TempDir()
	lines := func(from, to int) string {
		var b strings.Builder
		for i := range to - from {
			fmt.Fprintf(&b, "line %d %x\n", from+i, rand.Uint64()) //nolint:gosec // text that can't be compressed
		}
		return b.String()
	}
	file(t, filepath.Join(dir, "agent-2026-01-01T00-00-00.000.log"), lines(0, 50_000))
	file(t, filepath.Join(dir, "agent.log"), lines(50_000, 50_010))
	const limit = 64 << 10
	content, err := Collect([]Source{Own(dir)}, limit)
	if err != nil || len(content) > limit || len(content) < limit/4 {
		t.Fatalf("%d bytes, %v", len(content), err)
	}
	text := unzipped(t, content)
	if !strings.Contains(text, "\nline 50009 ") || !strings.Contains(text, "\nline 49999 ") || strings.Contains(text, "\nline 0 ") || strings.Index(text, "line 49999") > strings.Index(text, "line 50009") {
		t.Errorf("the log begins %.200q", text)
	}
	if _, err := Collect([]Source{Own(dir)}, 10); err == nil {
		t.Error("a log in ten bytes")
	}
	if err := os.Mkdir(filepath.Join(dir, "agentx.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if content, err = Collect([]Source{Own(dir)}, 1<<20); err != nil || !strings.Contains(unzipped(t, content), "is no file") {
		t.Errorf("a folder in a file's place: %v", err)
	}
}
