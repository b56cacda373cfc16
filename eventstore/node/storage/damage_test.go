package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"avportal/eventstore/node/storage"
)

// image is the content of every file of a closed log.
type image map[string][]byte

func imageOf(tb testing.TB, fs vfs.FS, dir string) image {
	tb.Helper()
	names, err := fs.List(dir)
	if err != nil {
		tb.Fatal(err)
	}
	files := image{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			tb.Fatal(err)
		}
		files[name] = content
	}
	return files
}

// restore writes the files to a new file system, one of them changed.
func (files image) restore(tb testing.TB, dir, changed string, content []byte) *vfs.MemFS {
	tb.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for name, original := range files {
		if name == changed {
			original = content
		}
		f, err := fs.Create(fs.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
		if err != nil {
			tb.Fatal(err)
		}
		_, err = f.Write(append([]byte(nil), original...))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			tb.Fatal(err)
		}
	}
	return fs
}

// closedLog makes a log with table files on several levels and returns its files and its events.
func closedLog(tb testing.TB) (image, []stored) {
	tb.Helper()
	fs := vfs.NewMem()
	var all []stored
	for round := range 3 {
		db := open(tb, small(fs))
		for i := range 60 {
			e := newEvent(fmt.Sprint(round, i))
			e.Data = []byte(strings.Repeat(fmt.Sprintf("data %d of round %d. ", i, round), 1+i))
			write(tb, db, fmt.Sprintf("cat%d-%d", i%3, i%7), storage.Any, e)
		}
		var err error
		if all, err = readLog(db); err != nil {
			tb.Fatal(err)
		}
		closeDB(tb, db)
	}
	return imageOf(tb, fs, "log"), all
}

// TestBitFlipsAreDetected flips one bit anywhere in the files of a closed log. Opening it, or verifying it, must
// name the damage, and no read may return anything but what was written.
func TestBitFlipsAreDetected(t *testing.T) {
	files, want := closedLog(t)
	// What is in write-ahead logs is in table files, too, once the log was closed.
	var names []string
	for name, content := range files {
		for range content {
			if !strings.HasSuffix(name, ".log") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	rng := rand.New(rand.NewPCG(7, 7))
	flips := seeds(1000)
	for range flips {
		name := names[rng.IntN(len(names))]
		content := append([]byte(nil), files[name]...)
		at, bit := rng.IntN(len(content)), rng.IntN(8)
		content[at] ^= 1 << bit
		fs := files.restore(t, "log", name, content)
		detected, err := detects(fs, want)
		if err == nil && !detected && (isGone(fs, name) || files.isDead(t, name, want)) {
			continue
		}
		if err != nil || !detected {
			t.Errorf("bit %d of byte %d of %s: detected %v, %v", bit, at, name, detected, err)
		}
	}
}

// isGone says whether the engine has replaced the file: a merge need not read every block of what it merges, and
// the outcome, which was verified, is whole.
func isGone(fs *vfs.MemFS, name string) bool {
	_, err := fs.Stat(fs.PathJoin("log", name))
	return errors.Is(err, os.ErrNotExist)
}

// isDead says whether the file is one that the engine had not come to delete yet: nothing is missing without it.
func (files image) isDead(tb testing.TB, name string, want []stored) bool {
	tb.Helper()
	without := image{}
	for other, content := range files {
		if other != name {
			without[other] = content
		}
	}
	damaged, err := detects(without.restore(tb, "log", "", nil), want)
	return err == nil && !damaged
}

// TestTruncationIsDetected cuts bytes off the end of each file of a closed log.
func TestTruncationIsDetected(t *testing.T) {
	files, want := closedLog(t)
	for name, content := range files {
		for _, cut := range []int{1, len(content) / 2, len(content)} {
			if cut == 0 || cut > len(content) || strings.HasSuffix(name, ".log") {
				continue
			}
			fs := files.restore(t, "log", name, content[:len(content)-cut])
			detected, err := detects(fs, want)
			if err == nil && !detected && (isGone(fs, name) || files.isDead(t, name, want)) {
				continue
			}
			if err != nil || !detected {
				t.Errorf("%d bytes cut off %s: detected %v, %v", cut, name, detected, err)
			}
		}
	}
}

// detects opens, reads and verifies a damaged log. The error says that something was served which was never written.
func detects(fs vfs.FS, want []stored) (bool, error) {
	db, err := storage.Open(small(fs))
	if err != nil {
		return true, nil //nolint:nilerr // a refusal to open is a detection
	}
	got, readErr := readLog(db)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return false, errors.Join(fmt.Errorf("event %d was %+v and is served as %+v", i, want[i], got[i]), db.Close())
		}
	}
	report, verifyErr := db.Verify(context.Background())
	detected := readErr != nil || verifyErr != nil || len(report.Damage) > 0
	if !detected && len(got) != len(want) {
		return false, errors.Join(fmt.Errorf("%d events of %d are served", len(got), len(want)), db.Close())
	}
	// Closing flushes, which may stumble over the damage, too.
	return detected, ignore(db.Close())
}

func ignore(error) error { return nil }

// TestTornTailIsCut tears the write-ahead log of a log that was not closed: what was not acknowledged may go, and
// the rest must open.
func TestTornTailIsCut(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := open(t, small(fs))
	for i := range 20 {
		write(t, db, "s", storage.Any, newEvent(strconv.Itoa(i)))
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeDB(t, db)
	files := imageOf(t, crashed, "log")
	for name, content := range files {
		if !strings.HasSuffix(name, ".log") || len(content) == 0 {
			continue
		}
		torn := append(append([]byte(nil), content...), 1, 2, 3, 4, 5)
		db := open(t, small(files.restore(t, "log", name, torn)))
		if got, err := readLog(db); err != nil || len(got) < 20 {
			t.Fatalf("%d events, %v", len(got), err)
		}
		verify(t, db)
		closeDB(t, db)
	}
}

// TestFlippedWriteAheadLogIsNoticed flips bits in the write-ahead log of a log that was not closed. A flip in what was
// acknowledged must keep the log from opening: nothing lost unnoticed, nothing wrong served.
func TestFlippedWriteAheadLogIsNoticed(t *testing.T) {
	fs := vfs.NewCrashableMem()
	o := small(fs)
	o.MemTableBytes = 4 << 20
	db := open(t, o)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 5 { // commits of many blocks
		var wg sync.WaitGroup
		for i := range 100 {
			e := newEvent(strconv.Itoa(i))
			e.Data = []byte(strings.Repeat("d", rng.IntN(2000)))
			wg.Add(1)
			db.Submit(&storage.Append{Stream: fmt.Sprint("s-", i%7), Expected: storage.Any, Events: []storage.Event{e}, Done: func(*storage.Append) { wg.Done() }})
		}
		wg.Wait()
	}
	before := len(latestLog(t, fs).content)
	write(t, db, "s", storage.Any, newEvent("the last"))
	want := mustRead(t, db)
	var files image
	var log logFile
	flip := func(at, bit int) ([]stored, error) {
		flipped := append([]byte(nil), log.content...)
		flipped[at] ^= 1 << bit
		o.FS = files.restore(t, "log", log.name, flipped)
		db, err := storage.Open(o)
		if err != nil {
			if _, again := storage.Open(o); again == nil {
				t.Errorf("a flip in byte %d is noticed once, and then no more", at)
			}
			return nil, err
		}
		defer closeDB(t, db)
		return readLog(db)
	}
	for range 100 { // until the log has been idle: before, a flip in the last event looks like a torn write
		files, log = imageOf(t, killed(fs), "log"), latestLog(t, fs)
		if _, err := flip(before+30, 1); errors.Is(err, storage.ErrCorrupt) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	closeDB(t, db)
	var flips []int
	for range 40 {
		flips = append(flips, rng.IntN(before))
	}
	for at := before; at < before+300; at += 20 { // the last event
		flips = append(flips, at)
	}
	for _, at := range flips {
		got, err := flip(at, rng.IntN(8))
		if !errors.Is(err, storage.ErrCorrupt) && (err != nil || !slices.Equal(got, want)) {
			t.Errorf("a flip in byte %d of %d: %d events of %d, %v", at, len(log.content), len(got), len(want), err)
		}
	}
}

// killed is what a process that is killed leaves behind: the files as they are.
func killed(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

type logFile struct {
	name    string
	content []byte
}

// latestLog is the write-ahead log that is being written.
func latestLog(tb testing.TB, fs *vfs.MemFS) (latest logFile) {
	tb.Helper()
	for name, content := range imageOf(tb, killed(fs), "log") {
		if strings.HasSuffix(name, ".log") && name > latest.name {
			latest = logFile{name, content}
		}
	}
	return latest
}
