package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// startReady starts the server and answers when it takes connections and the portal's database is there.
func startReady(ctx context.Context, cfg Config, l launch) (*process, error) {
	temporary := strings.HasPrefix(l.dataDir, l.run.path)
	for attempt := 0; ; attempt++ {
		p, err := startProcess(cfg, l, temporary)
		if err != nil {
			return nil, err
		}
		err = p.waitReady(ctx, l.run.path, cfg)
		if err == nil {
			return p, nil
		}
		// After kill -9 of a server its sessions hold the shared memory until they notice: a moment.
		lingering := strings.Contains(err.Error(), "is still in use") && attempt < 50
		if !lingering || pause(ctx, 100*time.Millisecond) != nil {
			return nil, err
		}
	}
}

func (p *process) waitReady(ctx context.Context, socketDir string, cfg Config) error {
	p.stopping.Store(true) // until ready, its end is our error and not a surprise for the log
	for began, told := time.Now(), time.Now(); ; {
		err := p.connect(ctx, socketDir)
		if err == nil {
			p.stopping.Store(false)
			return nil
		}
		select {
		case <-p.done:
			p.watcher.dismiss()
			return fmt.Errorf("postgres: the server ended during its start (%w), its log says:\n%s", p.err, p.log.tail())
		default:
		}
		if errPause := pause(ctx, 10*time.Millisecond); errPause != nil {
			expired, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return errors.Join(fmt.Errorf("postgres: not ready after %v: %w; its log says:\n%s",
				time.Since(began).Round(time.Second), err, p.log.tail()), p.stop(expired))
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			cfg.Log.Info("Postgres is still starting, perhaps recovering after a crash", "log", p.log.tail())
		}
	}
}

// connect tries once, and creates the portal's database when it is missing.
func (p *process) connect(ctx context.Context, socketDir string) error {
	conn, err := pgx.Connect(ctx, socketURL(socketDir, port, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database+" TEMPLATE template0")
	return err
}
