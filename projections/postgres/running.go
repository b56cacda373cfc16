package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	gopsutil "github.com/shirou/gopsutil/v4/process"
)

// findRunning answers the URL of the server that runs on dataDir, "" when there is none. It waits while one is starting or
// stopping, since after kill -9 of a portal its server still writes its last checkpoint.
func findRunning(ctx context.Context, dataDir string, log *slog.Logger) (string, error) {
	file := filepath.Join(dataDir, "postmaster.pid")
	for began, told := time.Now(), time.Now(); ; {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("postgres: data directory, perhaps of another user: %w", err)
		}
		pid, url := parsePostmaster(string(text))
		if pid != 0 && !alive(pid) {
			return "", nil // the server itself clears such a file away
		}
		if pid != 0 && !isServer(ctx, pid) {
			// After a reboot another program may have the number, and the server would refuse to start for ever.
			log.Warn("removing the postmaster.pid of a server that is gone", "pid", pid)
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may just have removed it itself
				return "", err
			}
			return "", nil
		}
		if url != "" {
			err = serves(ctx, url, dataDir)
			if err == nil {
				return url, nil
			}
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return "", fmt.Errorf("postgres: process %d holds %s but gave no connection for %v: %w", pid, dataDir,
				time.Since(began).Round(time.Millisecond), errors.Join(err, ctx.Err()))
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			log.Info("waiting for the Postgres that holds the data directory", "pid", pid, "data", dataDir, "error", err)
		}
	}
}

// parsePostmaster reads the process and, once the server wrote it, where it listens. Lines (miscadmin.h of PostgreSQL): pid, data
// directory, start time, port, socket directory, TCP address, shared memory, state. A file half written gives pid 0.
func parsePostmaster(text string) (pid int, url string) {
	lines := strings.Split(text, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || len(lines) < 2 {
		return 0, ""
	}
	if len(lines) < 6 || lines[4] == "" {
		return pid, ""
	}
	port, err := strconv.Atoi(lines[3])
	if err != nil {
		return pid, ""
	}
	return pid, socketURL(lines[4], port, database)
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// isServer says whether the process can be a server: a Postgres, and no zombie, which a container whose first process reaps no
// orphans keeps for ever. What cannot be learned counts as yes.
func isServer(ctx context.Context, pid int) bool {
	p, err := gopsutil.NewProcessWithContext(ctx, int32(pid))
	if err != nil {
		return false
	}
	if states, err := p.StatusWithContext(ctx); err == nil && slices.Contains(states, gopsutil.Zombie) {
		return false
	}
	name, err := p.NameWithContext(ctx)
	return err != nil || strings.HasPrefix(name, "postgres") || name == "postmaster"
}

// serves checks that the server behind the URL is the one of this data directory.
func serves(ctx context.Context, url, dataDir string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return err
	}
	if dir != dataDir {
		return fmt.Errorf("the server there has its data in %s", dir)
	}
	return nil
}
