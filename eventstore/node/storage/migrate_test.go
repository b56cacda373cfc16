package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"avportal/eventstore/node/storage"
)

// TestOlderFilesAreMigrated opens the files of this build with a later one that keeps something more in them.
func TestOlderFilesAreMigrated(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, small(fs))
	write(t, db, "s", storage.Any, newEvent("1"))
	id, before := db.ID(), mustRead(t, db)
	closeDB(t, db)

	t.Run("a later build", func(t *testing.T) {
		cut, calls := errors.New("cut off"), 0
		storage.Migrations(t, func(p *pebble.DB) error {
			calls++
			if calls == 1 { // cut off halfway
				return errors.Join(p.Set([]byte("x half"), nil, pebble.Sync), cut)
			}
			return p.Set([]byte("x whole"), nil, pebble.Sync)
		}, func(p *pebble.DB) error {
			_, closer, err := p.Get([]byte("x whole"))
			if err != nil {
				return err
			}
			return closer.Close()
		})
		if _, err := storage.Open(small(fs)); !errors.Is(err, cut) {
			t.Fatalf("a migration that fails: %v", err)
		}
		for range 2 { // the second time there is nothing to migrate
			db := open(t, small(fs))
			if got := mustRead(t, db); db.ID() != id || len(got) != len(before) || got[0] != before[0] {
				t.Errorf("%v: %+v", db.ID(), got)
			}
			closeDB(t, db)
		}
		if calls != 2 {
			t.Errorf("the first migration ran %d times", calls)
		}
	})

	// Now this build is the older one.
	_, err := storage.Open(small(fs))
	if err == nil || !strings.Contains(err.Error(), "format 3") || !strings.Contains(err.Error(), "log copy") {
		t.Errorf("files of a later build: %v", err)
	}
}

func mustRead(tb testing.TB, db *storage.DB) []stored {
	tb.Helper()
	all, err := readLog(db)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
