package storage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"avportal/eventstore/node/storage"
)

// brokenDisk fails the operations that fail chooses.
type brokenDisk struct {
	vfs.FS
	fail atomic.Pointer[func(errorfs.Op) error]
}

func newBrokenDisk(inner vfs.FS) *brokenDisk {
	d := &brokenDisk{}
	d.FS = errorfs.Wrap(inner, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fail := d.fail.Load(); fail != nil {
			return (*fail)(op)
		}
		return nil
	}))
	return d
}

func (d *brokenDisk) set(fail func(errorfs.Op) error) {
	if fail == nil {
		d.fail.Store(nil)
		return
	}
	d.fail.Store(&fail)
}

// ReuseForWrite makes a new file: those that errorfs reuses are out of its reach.
func (d *brokenDisk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Remove(oldname); err != nil {
		return nil, err
	}
	return d.Create(newname, category)
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
}

func isWrite(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate
}

// TestFailedSyncStopsTheLog lets one fsync of the write-ahead log fail. From then on nothing is acknowledged, also
// when the disk works again, until the folder is opened anew; and then everything acknowledged is there.
func TestFailedSyncStopsTheLog(t *testing.T) {
	for name, fails := range map[string]func(errorfs.Op) bool{
		"fsync":  isSync,
		"write":  isWrite,
		"either": func(op errorfs.Op) bool { return isSync(op) || isWrite(op) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			disk := newBrokenDisk(fs)
			o := small(disk)
			db := open(t, o)
			h := &history{}
			for i := range 50 {
				h.submit(db, &sent{Append: storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent(fmt.Sprint(i))}}})
			}
			waitForAnswers(db)
			var once sync.Once
			disk.set(func(op errorfs.Op) (err error) {
				if fails(op) && strings.HasSuffix(op.Path, ".log") {
					once.Do(func() { err = syscall.EIO })
				}
				return err
			})
			for i := range 50 {
				h.submit(db, &sent{Append: storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent(fmt.Sprint(i))}}})
			}
			select {
			case <-db.Failed():
			case <-time.After(10 * time.Second):
				t.Fatal("the log goes on")
			}
			if !errors.Is(db.Failure(), syscall.EIO) {
				t.Errorf("the failure is %v", db.Failure())
			}
			if err := db.Write(context.Background(), &storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent("late")}}); !errors.Is(err, storage.ErrStopped) {
				t.Errorf("a write after the failure: %v", err)
			}
			if err := db.Close(); !errors.Is(err, storage.ErrStopped) {
				t.Errorf("close: %v", err)
			}
			acked := h.acked()
			if len(acked) < 50 {
				t.Fatalf("%d acknowledged", len(acked))
			}
			o.FS = fs.CrashClone(vfs.CrashCloneCfg{})
			if err := checkRecovered(o, h, acked); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFailedBackgroundWorkStopsTheLog lets the writing of table files and of the engine's bookkeeping fail.
func TestFailedBackgroundWorkStopsTheLog(t *testing.T) {
	for _, part := range []string{".sst", "MANIFEST"} {
		t.Run(part, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			disk := newBrokenDisk(fs)
			o := small(disk)
			db := open(t, o)
			h := &history{}
			disk.set(func(op errorfs.Op) error {
				if (isSync(op) || isWrite(op)) && strings.Contains(op.Path, part) {
					return syscall.EIO
				}
				return nil
			})
			deadline := time.After(20 * time.Second)
			for stopped := false; !stopped; {
				h.submit(db, &sent{Append: storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent("x")}}})
				select {
				case <-db.Failed():
					stopped = true
				case <-deadline:
					t.Fatal("the log goes on")
				default:
				}
			}
			if err := db.Close(); !errors.Is(err, storage.ErrStopped) {
				t.Errorf("close: %v", err)
			}
			o.FS = fs.CrashClone(vfs.CrashCloneCfg{})
			if err := checkRecovered(o, h, h.acked()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFullDiskRefusesAndRecovers fills the disk under load and makes room again.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	fs := vfs.NewCrashableMem()
	disk := newBrokenDisk(fs)
	o := small(disk)
	db := open(t, o)
	h := &history{}
	submit := func(n int) {
		for i := range n {
			h.submit(db, &sent{Append: storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent(fmt.Sprint(i))}}})
		}
	}
	for range 5 {
		submit(100)
		disk.set(func(op errorfs.Op) error {
			if isWrite(op) {
				return syscall.ENOSPC
			}
			return nil
		})
		submit(100)
		deadline := time.Now().Add(10 * time.Second)
		for {
			refused := make(chan error, 1)
			db.Submit(&storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent("full")}, Done: func(a *storage.Append) { refused <- a.Err }})
			select {
			case err := <-refused:
				if errors.Is(err, storage.ErrDiskFull) {
					deadline = time.Time{}
				} else if err == nil {
					t.Fatal("an append was acknowledged on a full disk")
				}
			case <-time.After(20 * time.Millisecond): // taken before the disk was known to be full; answered later
			}
			if deadline.IsZero() {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("no append was refused")
			}
		}
		if _, err := readLog(db); err != nil {
			t.Fatalf("reads on a full disk: %v", err)
		}
		disk.set(nil)
		for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			err := db.Write(context.Background(), &storage.Append{Stream: "other", Expected: storage.Any, Events: []storage.Event{newEvent("room")}})
			if err == nil {
				break
			}
			if !errors.Is(err, storage.ErrDiskFull) || time.Since(start) > 10*time.Second {
				t.Fatalf("with room again: %v", err)
			}
		}
	}
	verify(t, db)
	all, err := readLog(db)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, e := range all {
		there[e.id.String()]++
	}
	for s := range h.acked() {
		if there[s.Events[0].ID.String()] != 1 {
			t.Fatal("an acknowledged append is lost")
		}
	}
	closeDB(t, db)
}

// littleSpace is a disk with a chosen amount of free space.
type littleSpace struct {
	vfs.FS
	free atomic.Uint64
}

func (d *littleSpace) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestReserveIsLeftToTheEngine(t *testing.T) {
	disk := &littleSpace{FS: vfs.NewMem()}
	disk.free.Store(300 << 20)
	db := open(t, small(disk))
	defer closeDB(t, db)
	write(t, db, "s", storage.Any, newEvent("1"))
	disk.free.Store(200 << 20)
	time.Sleep(150 * time.Millisecond)
	if err := db.Write(context.Background(), &storage.Append{Stream: "s", Expected: storage.Any, Events: []storage.Event{newEvent("2")}}); !errors.Is(err, storage.ErrDiskFull) {
		t.Fatal(err)
	}
	disk.free.Store(300 << 20)
	time.Sleep(150 * time.Millisecond)
	write(t, db, "s", storage.Any, newEvent("3"))
}
