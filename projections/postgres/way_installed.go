package postgres

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// installedWay looks where distributions, Homebrew and Postgres.app put the programs.
func installedWay() way {
	return way{"installed programs (AVPORTAL_PG_BIN, pg_config, PATH or the usual directories)", findInstalled}
}

func findInstalled(ctx context.Context, _ Config) ([]string, error) {
	if dir := os.Getenv("AVPORTAL_PG_BIN"); dir != "" {
		if _, err := inspect(ctx, dir); err != nil {
			return nil, &wrongSetting{fmt.Errorf("AVPORTAL_PG_BIN: %w", err)}
		}
		return []string{dir}, nil
	}
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	return append(withServer(dirs), usualDirectories()...), nil
}

// withServer drops directories without the server: pg_config and psql come with the client packages as well.
func withServer(dirs []string) []string {
	return slices.DeleteFunc(dirs, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "postgres"))
		return err != nil
	})
}

func usualDirectories() []string {
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian
		"/usr/pgsql-*/bin",          // Red Hat, from postgresql.org
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern is an error
		}
		slices.SortFunc(dirs, newestFirst)
		found = append(found, dirs...)
	}
	return withServer(found)
}

func newestFirst(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) }

// versionIn reads the first number of a path, so that 15 comes before 9.6 and 16 before 15.
func versionIn(path string) int {
	numbers := regexp.MustCompile(`\d+`).FindAllString(path, -1)
	if len(numbers) == 0 {
		return 0
	}
	n, err := strconv.Atoi(numbers[0])
	if err != nil {
		return 0
	}
	return n
}
