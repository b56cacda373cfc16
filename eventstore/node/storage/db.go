package storage

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// identity is what the meta key holds.
type identity struct {
	Format int       `json:"format"`
	ID     uuid.UUID `json:"id"`
	Salt   uint64    `json:"salt"` // of the ids of links
}

// DB is an open log. Its methods are safe for concurrent use.
type DB struct {
	options Options
	fs      *patientFS
	pebble  *pebble.DB
	lock    *pebble.Lock
	salt    uint64
	id      uuid.UUID
	seed    maphash.Seed
	ending  ending // what is known of the end of the log before it is opened

	queue      *queue
	commits    *pipeline
	live       *ring
	changed    *broadcast
	visible    atomic.Uint64 // last durable position
	running    atomic.Uint32 // bit per system projection
	catching   atomic.Uint32 // bit per system projection that is catching up
	background sync.WaitGroup
	idle       *time.Timer // runs off when there was no commit for a while
	closeOnce  sync.Once
	closing    chan struct{} // closed by Close
	cause      atomic.Pointer[error]
	failed     chan struct{}
	done       chan struct{} // closed when every append is answered

	users users
}

// Open opens the log in a folder, or makes a new one. It returns ErrLocked while another process has the folder
// open, and ErrCorrupt if the log ends before the end that an earlier Close noted.
func Open(o Options) (*DB, error) {
	db := &DB{
		options: o.withDefaults(),
		queue:   newQueue(),
		commits: newPipeline(),
		changed: newBroadcast(),
		seed:    maphash.MakeSeed(),
		failed:  make(chan struct{}),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	db.fs = &patientFS{FS: db.options.FS, logger: db.options.Logger, failed: db.stop}
	if err := db.openFiles(); err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", o.Dir, err)
	}
	w, err := db.newWriter()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the log in %s: %w", o.Dir, err), db.closeFiles())
	}
	r, err := db.read()
	if err != nil {
		return nil, err
	}
	db.background.Go(func() {
		if err := db.readNames(r, w.names); err != nil {
			db.options.Logger.Error("the names of streams could not be read: writes are slower", "error", err)
		}
	})
	db.fs.opened.Store(true)
	db.idle = time.AfterFunc(idleTime, db.repeatPromise)
	go w.run()
	go func() {
		defer close(db.done)
		db.complete()
	}()
	db.startWanted()
	return db, nil
}

func (db *DB) openFiles() (err error) {
	fs, dir := db.fs, db.options.Dir
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if db.lock, err = pebble.LockDirectory(dir, fs); err != nil {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if err = db.beginAfter(); err != nil {
		return errors.Join(err, db.lock.Close())
	}
	if db.pebble, err = pebble.Open(dir, db.pebbleOptions()); err != nil {
		return errors.Join(asCorrupt(err), db.lock.Close())
	}
	if err = db.identify(); err != nil {
		return errors.Join(err, db.closeFiles())
	}
	return nil
}

func (db *DB) identify() error {
	var id identity
	value, closer, err := db.pebble.Get([]byte{kindMeta})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return db.create()
	case err != nil:
		return err
	}
	err = json.Unmarshal(value, &id)
	if err = errors.Join(err, closer.Close()); err != nil {
		return fmt.Errorf("%w: identity: %w", ErrCorrupt, err)
	}
	db.id, db.salt = id.ID, id.Salt
	return db.migrate(id)
}

func (db *DB) create() error {
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return err
	}
	id := identity{Format: formatVersion(), ID: uuid.New(), Salt: binary.BigEndian.Uint64(salt[:])}
	db.id, db.salt = id.ID, id.Salt
	if err := db.writeIdentity(id); err != nil {
		return err
	}
	// The first write-ahead log of a new folder still has the engine's oldest format, in which damage looks like
	// a torn tail. This begins the next one.
	return db.pebble.Flush()
}

// newWriter finds the end of the log.
func (db *DB) newWriter() (*writer, error) {
	w := &writer{
		db:     db,
		heads:  newTwoGenerations[string, *head](50_000),
		recent: newTwoGenerations[[16]byte, recentWrite](65_536),
		names:  newNames(),
		space:  reserve{fs: db.fs, dir: db.options.Dir, bytes: uint64(max(db.options.MinFreeBytes, 0))},
		next:   1, // no event stands at position 0, which clients take for "before everything"
	}
	db.visible.Store(^uint64(0))
	count := 0
	err := db.ScanAll(^uint64(0), Backwards, func(e *Entry) bool {
		if count == 0 {
			w.next = e.Record.End() + 1
		}
		if e.Ordinal == 0 {
			count++
			if _, found := w.recent.get(e.Record.ID); !found {
				w.recent.put(e.Record.ID, recentWrite{stream: db.hash(string(e.Record.Stream)), revision: e.Record.Revision, position: e.Record.Position})
			}
		}
		return count < refillRecent
	})
	if err != nil {
		return nil, err
	}
	last := w.next - 1
	if err := db.loadProjections(last == 0); err != nil {
		return nil, err
	}
	if last < db.ending.Last {
		return nil, fmt.Errorf("%w: the log ends at position %d, and was durable up to %d; restore a backup", ErrCorrupt, last, db.ending.Last)
	}
	if last != db.ending.Last || db.id != db.ending.ID {
		if err := db.noteEnding(last, false); err != nil {
			return nil, err
		}
	}
	db.visible.Store(last)
	db.live = newRing(last)
	return w, nil
}

// refillRecent is how many of the latest event ids are read at start, for repeats of writes that came just
// before a restart. It bounds the time to start.
const refillRecent = 20_000

// ID of the log, given when it was made.
func (db *DB) ID() uuid.UUID { return db.id }

func (db *DB) hash(stream string) uint64 { return maphash.String(db.seed, stream) }

func (db *DB) projectionRunning(p Projection) bool { return db.running.Load()&(1<<p) != 0 }

// Submit hands over a write. Its answer comes by a.Done.
func (db *DB) Submit(a *Append) {
	if db.fs.full() {
		a.Err = ErrDiskFull
		a.Done(a)
		return
	}
	if err := db.queue.put(a); err != nil {
		if db.stopped() {
			err = db.stopError()
		}
		a.Err = err
		a.Done(a)
	}
}

// Write makes one write and waits for its answer, which is a.Err. If the context ends first the write may
// still be made, and a must not be used again.
func (db *DB) Write(ctx context.Context, a *Append) error {
	answered := make(chan struct{})
	a.Done = func(*Append) { close(answered) }
	db.Submit(a)
	select {
	case <-answered:
		return a.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (db *DB) stop(err error) {
	cause := fmt.Errorf("%w: %w", ErrStopped, err)
	if !db.cause.CompareAndSwap(nil, &cause) {
		return
	}
	db.options.Logger.Error("the log has stopped: open the folder again to find out what is on disk", "error", err)
	db.fs.dead.Store(true)
	close(db.failed)
	db.queue.close(cause)
	db.commits.wake()
	db.changed.broadcast()
}

func (db *DB) stopped() bool { return db.cause.Load() != nil }

func (db *DB) stopError() error { return *db.cause.Load() }

// Failed is closed when the log has stopped after a failed write or fsync; Failure says why.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Failure is nil while the log works.
func (db *DB) Failure() error {
	if cause := db.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Close answers what was submitted, makes everything durable and releases the folder.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { close(db.closing) })
	db.queue.close(ErrClosed)
	db.fs.giveUp.Store(true)
	<-db.done
	db.idle.Stop()
	db.background.Wait()
	if !db.users.close(db.failed) {
		return nil
	}
	db.changed.broadcast()
	return db.closeFiles()
}

func (db *DB) closeFiles() error {
	if db.stopped() {
		// The engine may have stopped in the middle of anything and would wait for itself for ever. It is left
		// alone, cut off from its files; the second close takes the place of its own.
		return errors.Join(db.stopError(), db.lock.Close(), db.lock.Close())
	}
	err := errors.Join(db.pebble.Flush(), db.pebble.Close())
	if err == nil && db.live != nil {
		err = db.noteEnding(db.visible.Load(), true)
	}
	return errors.Join(err, db.lock.Close())
}
