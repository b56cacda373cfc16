package storage

import (
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patientFS keeps "no space left on device" from the storage engine, which would end on it. A write that finds
// no space waits until there is some. Meanwhile full is set and appends are refused. Together with the reserve
// that appends leave untouched this makes a full disk an incident without a restart.
type patientFS struct {
	vfs.FS
	logger  *slog.Logger
	waiting atomic.Int32 // writes that found no space
	giveUp  atomic.Bool
	opened  atomic.Bool // the engine runs; before, its errors are answers to Open
	failed  func(error)
	dead    atomic.Bool // the log has stopped: what is left of the storage engine must not touch the files any more
}

const spaceRetry = 50 * time.Millisecond

func (fs *patientFS) full() bool { return fs.waiting.Load() > 0 }

// retry calls try until it does anything but fail for want of space.
func (fs *patientFS) retry(try func() error) error {
	if fs.dead.Load() {
		return ErrStopped
	}
	err := try()
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	fs.logger.Error("the disk of the log is full: appends are refused until there is room", "error", err)
	fs.waiting.Add(1)
	defer fs.waiting.Add(-1)
	for errors.Is(err, syscall.ENOSPC) && !fs.giveUp.Load() && !fs.dead.Load() {
		time.Sleep(spaceRetry)
		err = try()
	}
	if err == nil {
		fs.logger.Info("the disk of the log has room again")
	}
	return err
}

func (fs *patientFS) wrap(open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := fs.retry(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil && fs.opened.Load() {
		// The engine ends the process when it cannot make a file.
		fs.failed(err)
		park()
	}
	if err != nil {
		return nil, err
	}
	return &patientFile{File: f, fs: fs}, nil
}

func (fs *patientFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.wrap(func() (vfs.File, error) { return fs.FS.Create(name, category) })
}

func (fs *patientFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return fs.wrap(func() (vfs.File, error) { return fs.FS.OpenReadWrite(name, category, opts...) })
}

func (fs *patientFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.wrap(func() (vfs.File, error) { return fs.FS.ReuseForWrite(oldname, newname, category) })
}

func (fs *patientFS) Link(oldname, newname string) error {
	return fs.retry(func() error { return fs.FS.Link(oldname, newname) })
}

func (fs *patientFS) Rename(oldname, newname string) error {
	return fs.retry(func() error { return fs.FS.Rename(oldname, newname) })
}

func (fs *patientFS) MkdirAll(dir string, perm os.FileMode) error {
	return fs.retry(func() error { return fs.FS.MkdirAll(dir, perm) })
}

func (fs *patientFS) Remove(name string) error {
	return fs.retry(func() error { return fs.FS.Remove(name) })
}

func (fs *patientFS) RemoveAll(name string) error {
	return fs.retry(func() error { return fs.FS.RemoveAll(name) })
}

func (fs *patientFS) Unwrap() vfs.FS { return fs.FS }

type patientFile struct {
	vfs.File
	fs *patientFS
}

// holdIfDead keeps a goroutine of the engine once the log has stopped. An error would not do: the engine panics on one
// while it changes to its next write-ahead log, and that ends the process.
func (fs *patientFS) holdIfDead() {
	if fs.dead.Load() && fs.opened.Load() {
		park()
	}
}

func (f *patientFile) Write(p []byte) (n int, err error) {
	f.fs.holdIfDead()
	err = f.fs.retry(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	if err != nil {
		f.fs.holdIfDead() // it stopped meanwhile
	}
	return n, err
}

func (f *patientFile) WriteAt(p []byte, offset int64) (n int, err error) {
	f.fs.holdIfDead()
	err = f.fs.retry(func() error {
		m, err := f.File.WriteAt(p[n:], offset+int64(n))
		n += m
		return err
	})
	if err != nil {
		f.fs.holdIfDead()
	}
	return n, err
}

// reserve says, without asking the disk for every commit, whether appends must be refused to leave the storage
// engine room for its own work. Used by the writer only.
type reserve struct {
	fs    *patientFS
	dir   string
	bytes uint64
	next  time.Time
	short bool
}

const reserveCheck = 100 * time.Millisecond

func (r *reserve) violated(now time.Time) bool {
	if r.fs.full() {
		return true
	}
	if r.bytes == 0 || now.Before(r.next) {
		return r.short
	}
	r.next = now.Add(reserveCheck)
	usage, err := r.fs.GetDiskUsage(r.dir)
	r.short = err == nil && usage.AvailBytes < r.bytes
	return r.short
}
