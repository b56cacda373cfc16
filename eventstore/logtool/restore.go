package logtool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"

	"avportal/eventstore/node"
	"avportal/eventstore/node/storage"
)

// ErrNotEmpty says that a folder for a restored log holds something.
var ErrNotEmpty = errors.New("the folder is not empty")

// Restore makes the folder of a node from a backup: the same events with the same ids, revisions and time stamps, and
// the links that the node's system projections make of them. The folder must be empty or missing. It appears under its
// name when it is complete, checked, and on disk.
func Restore(ctx context.Context, file, dir string, progress func(Progress), logger *slog.Logger) (result BackupResult, err error) {
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return result, fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return result, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the folder itself is private
		return result, err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".restoring-")
	if err != nil {
		return result, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(work))
		}
	}()
	if result, err = restoreInto(ctx, file, work, progress, logger); err != nil {
		return result, err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return result, err
	}
	if err := os.Rename(work, dir); err != nil {
		return result, err
	}
	return result, syncFolder(filepath.Dir(dir))
}

func restoreInto(ctx context.Context, file, work string, progress func(Progress), logger *slog.Logger) (result BackupResult, err error) {
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
	if err := begin(ctx, work); err != nil {
		return result, err
	}
	db, err := storage.Open(storage.Options{Dir: work, Logger: logger})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	t := transfer{to: newFolder(db), exact: true, written: newMeter("restore", result.Head, progress).seen}
	if err := t.run(ctx, f.events()); err != nil {
		return result, err
	}
	result.Fingerprint = f.trailer.Fingerprint
	return result, check(ctx, db, f.trailer.Fingerprint)
}

// begin makes the folder of a new node, with everything that a node writes at its first start.
func begin(ctx context.Context, dir string) error {
	sockets, err := os.MkdirTemp("", "avportal-restore-") // the names of sockets must be short
	if err != nil {
		return err
	}
	n, err := node.Open(ctx, node.Config{Dir: dir, Listen: "unix:" + filepath.Join(sockets, "node")})
	if err == nil {
		err = n.Close()
	}
	return errors.Join(err, os.RemoveAll(sockets))
}

// check reads what was restored.
func check(ctx context.Context, db *storage.DB, want Fingerprint) error {
	report, err := db.Verify(ctx)
	if err != nil {
		return err
	}
	if len(report.Damage) > 0 {
		return report.Damage[0]
	}
	got, err := fingerprint(scan(ctx, db), func(*Event) {})
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: restored %+v, the backup holds %+v", ErrDiffers, got, want)
	}
	return nil
}

// scan reads what a copy carries from an open folder.
func scan(ctx context.Context, db *storage.DB) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		more := true
		err := db.ScanAll(0, storage.Forwards, func(stored *storage.Entry) bool {
			if stored.Carried() || !carried(string(stored.Record.Stream)) {
				return ctx.Err() == nil
			}
			more = ctx.Err() == nil && yield(fromEntry(stored), nil)
			return more
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil && more {
			yield(nil, err)
		}
	}
}

func fromEntry(stored *storage.Entry) *Event {
	r := stored.Record
	return &Event{
		Position: r.Position, Stream: string(r.Stream), Revision: r.Revision, ID: r.ID, Type: string(r.Type), JSON: r.JSON,
		Created: stored.CreatedAt().UnixNano() / 100, Data: append([]byte(nil), r.Data...), Metadata: append([]byte(nil), r.Custom...),
	}
}

// folder writes to the files of a node that does not run.
type folder struct {
	db      *storage.DB
	mu      sync.Mutex
	changed sync.Cond
	waiting int
	bytes   int
	err     error
}

func newFolder(db *storage.DB) *folder {
	f := &folder{db: db}
	f.changed.L = &f.mu
	return f
}

func (f *folder) submit(ctx context.Context, e *Event) error {
	f.mu.Lock()
	for f.err == nil && (f.waiting >= 4*maxUnderWay || f.bytes > maxBytesUnderWay) {
		f.changed.Wait()
	}
	if f.err == nil {
		f.err = ctx.Err()
	}
	if f.err != nil {
		defer f.mu.Unlock()
		return f.err
	}
	f.waiting++
	f.bytes += e.size()
	f.mu.Unlock()
	f.db.Submit(&storage.Append{
		Stream: e.Stream, Expected: storage.Expected(e.Revision - 1),
		Events: []storage.Event{{ID: e.ID, Type: e.Type, JSON: e.JSON, Data: e.Data, Metadata: e.Metadata, Created: e.Created}},
		Done:   func(a *storage.Append) { f.done(e, a) },
	})
	return nil
}

func (f *folder) done(e *Event, a *storage.Append) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting--
	f.bytes -= e.size()
	if a.Err != nil && f.err == nil {
		f.err = fmt.Errorf("restore event %d of %q: %w", e.Revision, e.Stream, a.Err)
	}
	f.changed.Broadcast()
}

func (f *folder) drain(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.waiting > 0 {
		f.changed.Wait()
	}
	return f.err
}

func (f *folder) tombstone(ctx context.Context, stream string) error {
	return f.db.Write(ctx, &storage.Append{Stream: stream, Expected: storage.Any, Operation: storage.OpTombstone})
}

func (f *folder) last(_ context.Context, stream string) (last *Event, err error) {
	err = f.db.ScanStream(stream, math.MaxInt64, storage.Backwards, func(e *storage.Entry) bool {
		last = fromEntry(e)
		return false
	})
	var deleted *storage.StreamDeletedError
	switch {
	case errors.As(err, &deleted):
		return nil, errDeleted
	case errors.Is(err, storage.ErrStreamNotFound), err == nil && last == nil:
		return nil, errUnreadable
	}
	return last, err
}
