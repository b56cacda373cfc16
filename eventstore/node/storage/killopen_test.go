package storage_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"avportal/eventstore/node/storage"
)

// TestKilledWhileOpening ends the process before each change that opening makes to the files of a closed log, once with
// what was written, once with what was synced only.
func TestKilledWhileOpening(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := open(t, small(fs))
	for i := range 50 {
		write(t, db, "s-1", storage.Any, newEvent(strconv.Itoa(i)))
	}
	want := mustRead(t, db)
	closeDB(t, db)

	var left []*vfs.MemFS
	watched := newBrokenDisk(fs)
	watched.set(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			for _, kept := range []int{0, 100} {
				left = append(left, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(1, 1))}))
			}
		}
		return nil
	})
	db = open(t, small(watched))
	watched.set(nil)
	closeDB(t, db)
	if len(left) < 20 {
		t.Fatalf("opening made only %d changes", len(left)/2)
	}
	for i, fs := range left {
		db, err := storage.Open(small(fs))
		if err != nil {
			t.Fatalf("killed before change %d of %d: %v", i/2, len(left)/2, err)
		}
		if got := mustRead(t, db); !slices.Equal(got, want) {
			t.Errorf("killed before change %d: %d events of %d", i/2, len(got), len(want))
		}
		verify(t, db)
		closeDB(t, db)
	}
}
