package logtool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// BackupConfig says what to save. From is a connection string, or unix:/path.
type BackupConfig struct {
	From     string
	File     string
	Patience time.Duration  // how long the server may be away without progress; 0 for a minute
	Progress func(Progress) // may be nil; is called about once a second
	Logger   *slog.Logger   // may be nil
}

// BackupResult describes a backup.
type BackupResult struct {
	Began       time.Time   `json:"began"`
	Head        uint64      `json:"head"` // the position in the source up to which the backup reaches
	Bytes       int64       `json:"bytes"`
	Fingerprint Fingerprint `json:"fingerprint"`
}

// Backup saves a log into one file while it is written to. The file holds everything that was acknowledged when Backup
// began, and nothing later. It appears under its name when it is complete and on disk.
//
// It is read over the protocol, and not taken from the engine's files, for three reasons: the server need not stop or
// know of it; the same works for a cluster; and the file outlives the storage engine and its formats. The price is that
// positions are given anew when it is restored, and that restoring takes as long as writing the events.
func Backup(ctx context.Context, c BackupConfig) (result BackupResult, err error) {
	from, err := dial(ctx, c.From, c.Patience, c.Logger)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	result.Began = time.Now().UTC().Truncate(time.Second)
	if result.Head, err = from.head(ctx); err != nil {
		return result, err
	}
	return result, writeWhole(c.File, func(w *os.File) error {
		return c.save(ctx, from, w, &result)
	})
}

func (c BackupConfig) save(ctx context.Context, from *server, w *os.File, result *BackupResult) error {
	f, err := newFileWriter(w, header{Format: fileFormat, Began: result.Began, Head: result.Head})
	if err != nil {
		return err
	}
	meter := newMeter("backup", result.Head, c.Progress)
	sums := newFingerprinter()
	for e, err := range from.events(ctx, 0, result.Head) {
		if err == nil {
			err = sums.add(e)
		}
		if err == nil {
			err = f.event(e)
		}
		if err != nil {
			return err
		}
		meter.seen(e)
	}
	result.Fingerprint = sums.sum()
	if err := f.finish(trailer{Fingerprint: result.Fingerprint}); err != nil {
		return err
	}
	info, err := w.Stat()
	if err != nil {
		return err
	}
	result.Bytes = info.Size()
	return nil
}

// writeWhole makes a file that is there either completely, and durable, or not at all. An existing one is not replaced.
func writeWhole(path string, write func(*os.File) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	w, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".partial-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(w.Name()))
		}
	}()
	if err := write(w); err != nil {
		return errors.Join(err, w.Close())
	}
	if err := errors.Join(w.Sync(), w.Close()); err != nil {
		return err
	}
	if err := os.Link(w.Name(), path); err != nil { // unlike a rename it replaces nothing
		return err
	}
	return errors.Join(os.Remove(w.Name()), syncFolder(filepath.Dir(path)))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// VerifyBackup reads a backup and checks every record, and the fingerprint over all of them.
func VerifyBackup(file string) (result BackupResult, err error) {
	r, err := os.Open(file)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := newFileReader(r)
	if err != nil {
		return result, err
	}
	result.Began, result.Head = f.header.Began, f.header.Head
	if result.Fingerprint, err = fingerprint(f.events(), func(*Event) {}); err != nil {
		return result, err
	}
	if result.Fingerprint != f.trailer.Fingerprint {
		return result, fmt.Errorf("%w: its records are not those that its trailer tells of", ErrDamaged)
	}
	result.Bytes, err = r.Seek(0, io.SeekCurrent)
	return result, err
}
