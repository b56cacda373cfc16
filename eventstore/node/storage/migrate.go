package storage

import (
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// firstFormat is the version of the files before any migration.
const firstFormat = 1

// migrations bring the files of an older build up to date, one version at a time: the first makes version 2 of version 1.
// Each may be cut off anywhere and is then run again, so it must bear to find a part of its work done. What can't be done
// in place is done by `avportal log copy` from an old build to a new one.
var migrations []func(*pebble.DB) error

// formatVersion is that of the files that this build writes.
func formatVersion() int { return firstFormat + len(migrations) }

// migrate brings the files to this build's version, and refuses those of a newer one.
func (db *DB) migrate(id identity) error {
	if newest := formatVersion(); id.Format < firstFormat || id.Format > newest {
		return fmt.Errorf("the files have format %d, and this build reads the formats %d to %d: use the build that wrote them, "+
			"or move the log with `avportal log copy`", id.Format, firstFormat, newest)
	}
	for id.Format < formatVersion() {
		db.options.Logger.Info("bringing the files of the log to the next format", "from", id.Format, "to", id.Format+1)
		if err := migrations[id.Format-firstFormat](db.pebble); err != nil {
			return fmt.Errorf("bring the files from format %d to the next: %w", id.Format, err)
		}
		id.Format++
		if err := db.writeIdentity(id); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) writeIdentity(id identity) error {
	value, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return db.pebble.Set([]byte{kindMeta}, value, pebble.Sync)
}
