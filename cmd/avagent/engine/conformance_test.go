package engine_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/engine/enginetest"
	"avportal/cmd/avagent/signatures"
	"avportal/http/agent/wire"
)

// each runs a test of the suite against every engine, each with a database of its own.
func each(t *testing.T, test func(t *testing.T, e engine.Engine, database string)) {
	enginetest.Install(t)
	t.Run(wire.EngineClamd, func(t *testing.T) {
		db := enginetest.Database(t)
		test(t, &engine.Clamd{Address: enginetest.StartClamd(t, db), Database: db}, db)
	})
	t.Run(wire.EngineClamscan, func(t *testing.T) {
		db := enginetest.Database(t)
		test(t, &engine.Clamscan{Database: db}, db)
	})
	t.Run(wire.EngineBuiltin, func(t *testing.T) {
		db := enginetest.Database(t)
		test(t, &engine.Builtin{Database: db}, db)
	})
}

func scan(t *testing.T, e engine.Engine, paths ...string) ([]engine.Finding, engine.Summary) {
	t.Helper()
	var found []engine.Finding
	sum, err := e.Scan(t.Context(), paths, func(f engine.Finding) { found = append(found, f) })
	if err != nil {
		t.Fatalf("Scan(%v): %v", paths, err)
	}
	slices.SortFunc(found, func(a, b engine.Finding) int { return strings.Compare(a.Path, b.Path) })
	return found, sum
}

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEngineFindsWhatIsThereAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, e engine.Engine, _ string) {
		dir := t.TempDir()
		evil := []string{
			"plain", "sub/deep/er/late", "with space", "colon: in name", "looks: Fake.Name FOUND", "ümläut", "not\xffutf8",
			"new\nline", "new: Fake.Name FOUND\n/etc/passwd: x FOUND\nline", "-dash", "quote\"'`$(id)",
		}
		var want []engine.Finding
		for _, name := range evil {
			path := write(t, filepath.Join(dir, name), append([]byte("padding "), enginetest.Eicar()...))
			want = append(want, engine.Finding{Path: path, Name: enginetest.Name})
		}
		slices.SortFunc(want, func(a, b engine.Finding) int { return strings.Compare(a.Path, b.Path) })
		write(t, filepath.Join(dir, "harmless"), []byte("hello"))
		write(t, filepath.Join(dir, "empty"), nil)
		write(t, filepath.Join(dir, "half"), enginetest.Eicar()[:50])
		outside := write(t, filepath.Join(t.TempDir(), "linked"), enginetest.Eicar())
		if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		found, sum := scan(t, e, dir)
		if !slices.Equal(found, want) || sum.Errors != 0 {
			t.Errorf("found %q, %+v\nwant %q", found, sum, want)
		}
		if sum.Files != -1 && sum.Files < int64(len(evil)) {
			t.Errorf("%d files looked at, want at least %d", sum.Files, len(evil))
		}
		one, _ := scan(t, e, filepath.Join(dir, "plain"), filepath.Join(dir, "harmless"), filepath.Join(dir, "sub"))
		if len(one) != 2 {
			t.Errorf("three paths named: found %q, want plain and sub/deep/er/late", one)
		}
		if none, _ := scan(t, e, filepath.Join(dir, "harmless")); len(none) != 0 {
			t.Errorf("a harmless file: found %q", none)
		}
	})
}

func TestEngineTellsItsVersions(t *testing.T) {
	each(t, func(t *testing.T, e engine.Engine, database string) {
		date := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(database, "portal.ndb"), date, date); err != nil {
			t.Fatal(err)
		}
		info, err := e.Info(t.Context())
		want := signatures.Version{Version: "20260301123000", Date: date}
		if err != nil || info.Version == "" || strings.Contains(info.Version, "ClamAV") || info.Signatures != want {
			t.Fatalf("loose files: %+v, %v; want %+v", info, err, want)
		}
		if e.Name() == wire.EngineBuiltin {
			return // it reads plain lines only
		}
		buildCUD(t, database, "7")
		if info, err = e.Info(t.Context()); err != nil || info.Signatures.Version != "7" || time.Since(info.Signatures.Date).Abs() > time.Hour {
			t.Fatalf("versioned database: %+v, %v; want version 7 of just now", info, err)
		}
	})
}

// buildCUD adds a versioned database, made by ClamAV's own tool.
func buildCUD(t *testing.T, database, version string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "COPYING"), []byte("test"))
	write(t, filepath.Join(dir, "portal.ndb"), []byte(enginetest.Line(enginetest.Name)))
	cmd := exec.Command("sigtool", "--build=portal.cud", "--unsigned", "--cvd-version="+version)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, append(os.Environ(), "SIGNDUSER=test"), strings.NewReader("test\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sigtool: %v\n%s", err, out)
	}
	content, err := os.ReadFile(filepath.Join(dir, "portal.cud"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(database, "portal.cud"), content)
}

func TestEngineTakesUpNewSignatures(t *testing.T) {
	each(t, func(t *testing.T, e engine.Engine, database string) {
		file := write(t, filepath.Join(t.TempDir(), "f"), []byte("a sentence that only tomorrow is known to be evil"))
		if found, _ := scan(t, e, file); len(found) != 0 {
			t.Fatalf("before: found %q", found)
		}
		write(t, filepath.Join(database, "more.ndb"), []byte("Portal.Test.New:0:*:6f6e6c7920746f6d6f72726f77\n"))
		if _, err := engine.Update(t.Context(), e, engine.Source{Database: database}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // clamd reloads in the background
			found, _ := scan(t, e, file)
			if len(found) == 1 && found[0].Name == "Portal.Test.New" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("30 s after the reload: found %q", found)
			}
		}
	})
}

func TestEngineUpdatesFromItsSource(t *testing.T) {
	enginetest.Install(t)
	content := []byte(enginetest.Line("Portal.Test.Fetched"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "portal.ndb", time.Now().Add(-time.Hour), strings.NewReader(string(content)))
	}))
	defer server.Close()
	database := t.TempDir()
	if err := os.Chmod(database, 0o755); err != nil {
		t.Fatal(err)
	}
	e := &engine.Builtin{Database: database}
	v, err := engine.Update(t.Context(), e, engine.Source{URL: server.URL + "/db/portal.ndb", Database: database})
	if err != nil || v.Version == "" {
		t.Fatalf("Update = %+v, %v", v, err)
	}
	found, _ := scan(t, e, write(t, filepath.Join(t.TempDir(), "f"), enginetest.Eicar()))
	if len(found) != 1 || found[0].Name != "Portal.Test.Fetched" {
		t.Fatalf("after the update: found %q", found)
	}
	server.Close()
	if _, err := engine.Update(t.Context(), e, engine.Source{URL: server.URL + "/db/portal.ndb", Database: database}); err == nil {
		t.Fatal("an update from a server that is gone succeeded")
	}
	for _, bad := range []string{"file:///etc/passwd", "http://x/a b", "http://x/\nDatabaseOwner root", "nonsense"} {
		if _, err := engine.Update(t.Context(), e, engine.Source{URL: bad, Database: database}); err == nil {
			t.Errorf("source %q was accepted", bad)
		}
	}
}

func TestEngineStopsWhenTold(t *testing.T) {
	each(t, func(t *testing.T, e engine.Engine, _ string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "f"), enginetest.Eicar())
		why := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if _, err := e.Scan(ctx, []string{dir}, func(engine.Finding) {}); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
			t.Fatalf("Scan = %v, want the reason for stopping", err)
		}
	})
}

func TestEngineSaysWhenItCannotScan(t *testing.T) {
	enginetest.Install(t)
	empty := t.TempDir()
	file := write(t, filepath.Join(t.TempDir(), "f"), enginetest.Eicar())
	for _, e := range []engine.Engine{
		&engine.Clamd{Address: filepath.Join(empty, "no.sock"), Database: empty},
		&engine.Clamscan{Database: empty},
		&engine.Builtin{Database: empty},
	} {
		if info, err := e.Info(t.Context()); err == nil {
			t.Errorf("%s: Info = %+v without an error", e.Name(), info)
		}
		if _, err := e.Scan(t.Context(), []string{file}, func(engine.Finding) {}); err == nil {
			t.Errorf("%s: Scan succeeded without signatures", e.Name())
		}
	}
}

func TestClamdThatGoesAwayIsNoCleanScan(t *testing.T) {
	for name, reply := range map[string]string{"silent": "", "half a reply": "/tmp/x: Some"} {
		t.Run(name, func(t *testing.T) {
			e := &engine.Clamd{Address: fakeClamd(t, reply), Database: t.TempDir()}
			if sum, err := e.Scan(t.Context(), []string{"/tmp"}, func(engine.Finding) {}); err == nil {
				t.Fatalf("Scan = %+v without an error", sum)
			}
		})
	}
}

// Root reads everything, so each engine is given what it cannot judge in its own way.
func TestUnreadableFilesAreCounted(t *testing.T) {
	enginetest.Install(t)
	db, dir := enginetest.Database(t), t.TempDir()
	large := filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, engine.MaxFileSize+1)); err != nil {
		t.Fatal(err)
	}
	fake := fakeClamd(t, dir+"/a: Access denied. ERROR\x00"+dir+"/b: x FOUND\x00")
	for _, c := range []struct {
		e    engine.Engine
		path string
	}{
		{&engine.Builtin{Database: db}, large},
		{&engine.Clamscan{Database: db}, filepath.Join(dir, "missing")},
		{&engine.Clamd{Address: fake, Database: db}, dir},
	} {
		if _, sum := scan(t, c.e, c.path); sum.Errors != 1 {
			t.Errorf("%s: %+v, want one error", c.e.Name(), sum)
		}
	}
}

// fakeClamd answers one command with what no clamd in a good mood says.
func fakeClamd(t *testing.T, reply string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte(reply))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestAutoTakesTheBestEngine(t *testing.T) {
	enginetest.Install(t)
	db := enginetest.Database(t)
	for _, c := range []struct {
		o    engine.Options
		want string
	}{
		{engine.Options{Database: db, Clamd: enginetest.StartClamd(t, db)}, wire.EngineClamd},
		{engine.Options{Engine: "auto", Database: db, Clamd: "/nowhere/clamd.ctl"}, wire.EngineClamscan},
		{engine.Options{Engine: "auto", Database: t.TempDir(), Clamd: "/nowhere/clamd.ctl"}, wire.EngineBuiltin},
		{engine.Options{Engine: wire.EngineBuiltin, Database: db}, wire.EngineBuiltin},
	} {
		e, err := engine.New(t.Context(), c.o)
		if err != nil || e.Name() != c.want {
			t.Errorf("New(%+v) = %v, %v; want %s", c.o, e, err, c.want)
		}
	}
	if _, err := engine.New(t.Context(), engine.Options{Engine: "norton"}); err == nil {
		t.Error("an unknown engine was accepted")
	}
}
