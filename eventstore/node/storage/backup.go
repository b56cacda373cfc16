package storage

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Backup makes a copy of the log, as it is at some moment during the call, in a new folder on the same file system.
// Appends go on meanwhile. Table files are linked and not copied, so that it takes little time and room; copy the
// folder elsewhere to be safe from a broken disk. The copy is opened like any log.
func (db *DB) Backup(dir string) error {
	if !db.users.enter() {
		return ErrClosed
	}
	defer db.users.leave()
	if err := db.pebble.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("back up the log to %s: %w", dir, err)
	}
	return nil
}
