package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldest is the oldest version that the views' SQL is written for.
const oldest = 14

// programs is one installation of PostgreSQL's server programs.
type programs struct {
	bin   string // directory of postgres and initdb, free of symbolic links
	major int
	from  string // the way it was found
}

// way is one way to come by the programs. It answers candidate directories, best first, or says why there is none.
type way struct {
	name string // with what it takes, in parentheses
	find func(ctx context.Context, cfg Config) ([]string, error)
}

// findPrograms takes the first programs that fit. With existing data only its own major version fits.
func findPrograms(ctx context.Context, cfg Config, dataMajor int) (programs, error) {
	ways := cfg.ways
	if ways == nil {
		ways = []way{installedWay(), npmWay(), aptWay()}
	}
	reasons := []error{errors.New("a running server: no URL is configured (AVPORTAL_POSTGRES_URL)")}
	for _, w := range ways {
		p, err := firstFit(ctx, cfg, w, dataMajor)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			return programs{}, fmt.Errorf("postgres: looking for programs: %w", ctx.Err())
		}
		var fatal *wrongSetting
		if errors.As(err, &fatal) {
			return programs{}, fmt.Errorf("postgres: %w", err)
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", w.name, err))
	}
	want := fmt.Sprintf("%d or later", oldest)
	if dataMajor != 0 {
		want = fmt.Sprintf("%d, which wrote the existing data,", dataMajor)
	}
	msg := fmt.Sprintf("postgres: no PostgreSQL %s was found; any one of these helps:", want)
	for i, r := range reasons {
		msg += fmt.Sprintf("\n  %d. %v", i+1, r)
	}
	return programs{}, errors.New(msg)
}

func firstFit(ctx context.Context, cfg Config, w way, dataMajor int) (programs, error) {
	dirs, err := w.find(ctx, cfg)
	if err != nil {
		return programs{}, err
	}
	var misfits []string
	for _, dir := range dirs {
		p, err := inspect(ctx, dir)
		switch {
		case err != nil:
			misfits = append(misfits, err.Error())
		case p.major < oldest || dataMajor != 0 && p.major != dataMajor:
			misfits = append(misfits, fmt.Sprintf("%s is version %d", p.bin, p.major))
		default:
			p.from, _, _ = strings.Cut(w.name, " (")
			return p, nil
		}
	}
	if len(misfits) == 0 {
		return programs{}, errors.New("none found")
	}
	return programs{}, errors.New(strings.Join(misfits, "; "))
}

// inspect asks the programs in dir for their version, which also shows that they run on this machine.
func inspect(ctx context.Context, dir string) (programs, error) {
	server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return programs{}, err
	}
	bin := filepath.Dir(server)
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
		return programs{}, err
	}
	cmd := exec.CommandContext(ctx, server, "--version")
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return programs{}, fmt.Errorf("%s --version: %w: %s", server, err, strings.TrimSpace(string(out)))
	}
	major, err := parseMajor(string(out))
	return programs{bin: bin, major: major}, err
}

// parseMajor reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", and "18beta1" for a beta.
func parseMajor(version string) (int, error) {
	_, rest, ok := strings.Cut(version, ") ")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if !ok || end < 1 {
		return 0, fmt.Errorf("unknown version %q", strings.TrimSpace(version))
	}
	return strconv.Atoi(rest[:end])
}

func (p programs) path(name string) string { return filepath.Join(p.bin, name) }

// wrongSetting is an error in what the user asked for. Going on to the next way would hide it.
type wrongSetting struct{ error }

func (w *wrongSetting) Unwrap() error { return w.error }
