package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

const (
	superuser = "portal" // trusted without a password: only its own user and root enter the socket's directory
	database  = "portal"
	port      = 5432 // only a part of the socket's name; nothing listens on TCP

	runDirPrefix = "avpg-"
	// longestBase keeps base + "/avpg-0123456789/.s.PGSQL.5432" within the 104 bytes that macOS allows for a socket (Linux 108).
	longestBase = 70

	memoryBase    = "/dev/shm" // Linux only; elsewhere it is missing
	plentyOfBytes = 4 << 30    // a test run's databases and write-ahead log stay well below
)

// runDir is the private directory of one running server: its socket and, for a temporary server, its data. The lock file in it
// is held by this process and by the server, which inherits it, so a free lock means that both are gone.
type runDir struct {
	path string
	lock *os.File
}

// runDirBase is the temporary directory, unless its path is too long for a socket or other users cannot enter it. A server whose
// data may be lost lives in memory where there is plenty: creating a database there took 9 to 18 ms instead of 140 to 250.
func runDirBase(inMemory bool) string {
	if inMemory && plentyOfMemory() {
		return memoryBase
	}
	base, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil || len(base) > longestBase || os.Geteuid() == 0 && !enterable(base) {
		return "/tmp"
	}
	return base
}

// plentyOfMemory is false in containers, whose /dev/shm has 64 MB.
func plentyOfMemory() bool {
	room, err := disk.Usage(memoryBase)
	if err != nil || room.Free < plentyOfBytes || !enterable(memoryBase) {
		return false
	}
	memory, err := mem.VirtualMemory()
	return err == nil && memory.Available >= plentyOfBytes
}

// enterable says whether every user may pass through the directory.
func enterable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// newRunDir also removes the directories of servers that are gone.
func newRunDir(base string, who identity) (*runDir, error) {
	for _, b := range []string{base, runDirBase(false), memoryBase} {
		sweep(b)
	}
	// It gets the name that sweep looks for only once it is locked.
	fresh, err := os.MkdirTemp(base, "new-"+runDirPrefix)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(base, strings.TrimPrefix(filepath.Base(fresh), "new-"))
	lock, err := os.OpenFile(filepath.Join(fresh, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(fresh))
	}
	err = errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), giveTo(who, fresh))
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close(), os.RemoveAll(fresh))
	}
	return &runDir{path, lock}, nil
}

func (r *runDir) remove() error {
	return errors.Join(os.RemoveAll(r.path), r.lock.Close())
}

// sweep removes what servers left behind whose launcher was killed. What belongs to others, or is in use, stays.
func sweep(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, runDirPrefix+"*"))
	if err != nil {
		return // only a malformed pattern is an error
	}
	for _, dir := range dirs {
		// Not through a link, nor waiting on a pipe, that somebody else put into the temporary directory.
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // what resists now is tried again at the next start
		}
		lock.Close()
	}
}

// lockFile waits for an exclusive lock on path, which the system frees when the file is closed or the process dies.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("waiting for another start to finish (%s): %w", path, err), f.Close())
		}
	}
}

// pause waits, or answers the context's error as soon as it ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func socketURL(dir string, port int, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database,
		RawQuery: url.Values{"host": {dir}, "port": {strconv.Itoa(port)}}.Encode()}
	return u.String()
}
