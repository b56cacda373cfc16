// Package state is the directory in which the agent keeps what must survive it: who it is, what it has yet to send,
// what it knows. Every file in it is readable by its owner only.
package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrRunning says that another agent runs on the same directory.
var ErrRunning = errors.New("another agent is running on this state directory")

// lockWait bounds the wait for another process that holds the database. No one holds it longer than one transaction.
const lockWait = 30 * time.Second

// Dir is an agent's state directory.
type Dir struct {
	path string
	// mu spares goroutines of one process the database's file lock, which polls.
	mu sync.Mutex
}

// DefaultPath is where the agent of a whole machine keeps its state.
func DefaultPath() string {
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(os.Getenv("ProgramData"), "AVPortal", "agent")
	case "darwin":
		return "/Library/Application Support/AVPortal/agent"
	default:
		return "/var/lib/avagent"
	}
}

// Open makes the directory if it is missing.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return &Dir{path: path}, nil
}

// Path of the directory.
func (d *Dir) Path() string { return d.path }

// Update runs fn in a durable read-write transaction. The database is open during transactions only, so that
// "avagent status" and "avagent scan" work while the service runs.
func (d *Dir) Update(fn func(tx *bbolt.Tx) error) error {
	return d.with(func(db *bbolt.DB) error { return db.Update(fn) })
}

// View runs fn in a transaction whose changes are thrown away, which lets fn use buckets that do not exist yet.
func (d *Dir) View(fn func(tx *bbolt.Tx) error) error {
	return d.with(func(db *bbolt.DB) error {
		tx, err := db.Begin(true)
		if err != nil {
			return err
		}
		return errors.Join(fn(tx), tx.Rollback())
	})
}

func (d *Dir) with(use func(*bbolt.DB) error) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := filepath.Join(d.path, "state.db")
	db, err := open(path)
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
		// A device must go on protecting and reporting; the next report is whole, so all that is lost is history.
		aside := fmt.Sprintf("%s.damaged-%d", path, time.Now().Unix())
		if renameErr := os.Rename(path, aside); renameErr != nil {
			return fmt.Errorf("the state database is damaged (%w) and cannot be put aside: %w", err, renameErr)
		}
		db, err = open(path)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}

func open(path string) (*bbolt.DB, error) {
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
}

// Lock keeps a second "run" off the directory until release is called or the process is gone, however it went. The
// error is ErrRunning. An empty database file serves as the lock because its locking works the same on every system.
func (d *Dir) Lock() (release func() error, err error) {
	lock, err := bbolt.Open(filepath.Join(d.path, "run.lock"), 0o600, &bbolt.Options{Timeout: 500 * time.Millisecond})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("run.lock: %w", err)
	}
	return lock.Close, nil
}
