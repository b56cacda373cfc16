package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func failing(name, reason string) way {
	return way{name, func(context.Context, Config) ([]string, error) { return nil, errors.New(reason) }}
}

func offering(dirs ...string) way {
	return way{"test", func(context.Context, Config) ([]string, error) { return dirs, nil }}
}

// pretend makes programs that claim a version.
func pretend(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWithoutAnyProgramsTheErrorNamesFourWays(t *testing.T) {
	ways := []way{
		failing(installedWay().name, "none found"), failing(npmWay().name, "npm is not on PATH"), failing(aptWay().name, "not root"),
	}
	_, err := Start(deadline(t), Config{Fast: true, Log: quiet(), ways: ways})
	if err == nil {
		t.Fatal("started without programs")
	}
	for _, want := range []string{"1. ", "AVPORTAL_POSTGRES_URL", "2. ", "AVPORTAL_PG_BIN", "3. ", "npm", "4. ", "apt", "not root"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestProgramsMustFit(t *testing.T) {
	old, modern, future := pretend(t, "9.6.24"), pretend(t, "15.18 (Debian 15.18-0+deb12u1)"), pretend(t, "19beta1")
	for _, c := range []struct {
		name  string
		dirs  []string
		data  int
		major int // 0: none fits
	}{
		{"first that is new enough", []string{old, modern, future}, 0, 15},
		{"the version of the data", []string{modern, future}, 19, 19},
		{"only too old ones", []string{old}, 0, 0},
		{"not the version of the data", []string{modern}, 16, 0},
		{"no programs there", []string{t.TempDir()}, 0, 0},
		{"nothing at all", nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := findPrograms(deadline(t), Config{ways: []way{offering(c.dirs...)}}, c.data)
			if (err != nil) != (c.major == 0) || p.major != c.major {
				t.Errorf("version %d, %v; want version %d", p.major, err, c.major)
			}
		})
	}
}

func TestAWrongSettingIsToldInsteadOfPassedOver(t *testing.T) {
	t.Setenv("AVPORTAL_PG_BIN", t.TempDir())
	_, err := Start(deadline(t), Config{Fast: true, Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "AVPORTAL_PG_BIN") || strings.Contains(err.Error(), "npm") {
		t.Errorf("with an empty AVPORTAL_PG_BIN: %v", err)
	}
}

func TestDataOfAnotherVersionIsExplained(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(deadline(t), Config{DataDir: dir, Log: quiet(), ways: []way{offering(pretend(t, "18.1"))}})
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL 12, which wrote the existing data") {
		t.Errorf("with data of version 12 and programs of version 18: %v", err)
	}
}
