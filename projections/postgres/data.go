package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// existingMajor answers the version that wrote the data, 0 when there is none yet.
func existingMajor(dataDir string) (int, error) {
	if dataDir == "" {
		return 0, nil
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err == nil {
		major, _, _ := strings.Cut(strings.TrimSpace(string(text)), ".")
		n, err := strconv.Atoi(major)
		if err != nil {
			return 0, fmt.Errorf("postgres: %s holds data of an unknown version: %w", dataDir, err)
		}
		return n, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("postgres: data directory, perhaps made by another user: %w", err)
	}
	entries, err := os.ReadDir(dataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("postgres: data directory: %w", err)
	}
	if len(entries) > 0 {
		return 0, fmt.Errorf("postgres: %s is not empty and holds no Postgres data", dataDir)
	}
	return 0, nil
}

// prepareData makes a new cluster, or sees that an existing one belongs to who.
func prepareData(ctx context.Context, p programs, who identity, dataDir string, fast bool) error {
	info, err := os.Stat(filepath.Join(dataDir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return initialize(ctx, p, who, dataDir, fast)
	}
	if err != nil {
		return fmt.Errorf("postgres: data directory: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != who.uid {
		// The directory was moved to where another identity fits.
		if err := giveTo(who, dataDir); err != nil {
			return fmt.Errorf("postgres: data directory: %w", err)
		}
	}
	return nil
}

// initialize makes the cluster beside its place and moves it there when complete, so an interrupted initdb leaves no half one.
func initialize(ctx context.Context, p programs, who identity, dataDir string, fast bool) error {
	parent, name := filepath.Split(dataDir)
	if leftovers, err := filepath.Glob(filepath.Join(parent, name+".new-*")); err == nil {
		for _, dir := range leftovers {
			_ = os.RemoveAll(dir) // only takes up room
		}
	}
	fresh, err := os.MkdirTemp(parent, name+".new-")
	if err != nil {
		return fmt.Errorf("postgres: data directory: %w", err)
	}
	err = giveTo(who, fresh)
	if err == nil {
		args := []string{"-D", fresh, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"}
		if fast {
			args = append(args, "--no-sync")
		}
		_, err = runAs(ctx, who, "/", p.path("initdb"), args...)
	}
	if err == nil {
		err = takePlace(fresh, dataDir)
	}
	if err == nil && !fast {
		err = syncDir(parent)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("postgres: initdb: %w", err), os.RemoveAll(fresh))
	}
	return nil
}

// takePlace moves a directory to a path where nothing is, or an empty directory, which os.Rename alone refuses.
func takePlace(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// settings go on the command line, so they hold for existing data as well.
func settings(socketDir string, fast bool) []string {
	list := []string{
		"listen_addresses=", "unix_socket_directories=" + socketDir, "unix_socket_permissions=0700", "port=" + strconv.Itoa(port),
		"cluster_name=avportal", "timezone=UTC", "log_timezone=UTC", "logging_collector=off", "log_checkpoints=off",
		"max_connections=300",
		"jit=off", // our queries are short; compiling one costs more than running it
		"work_mem=16MB", "maintenance_work_mem=128MB", "random_page_cost=1.1",
	}
	if fast {
		list = append(list, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "max_wal_size=1GB", "shared_buffers=128MB")
	} else {
		list = append(list, "fsync=on", "synchronous_commit=on", "full_page_writes=on",
			"max_wal_size=2GB", "min_wal_size=256MB", "shared_buffers=256MB", "effective_cache_size=1GB")
	}
	var args []string
	for _, s := range list {
		args = append(args, "-c", s)
	}
	return args
}
