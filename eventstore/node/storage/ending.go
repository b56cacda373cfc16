package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A torn tail and a damaged tail look the same to the storage engine: it cuts off what it cannot read at the end
// of its own logs. So Close notes where the log ended, and Open refuses a log that ends earlier.
const endingFile = "ENDING"

type ending struct {
	Last     uint64 `json:"last"`
	Checksum uint32 `json:"crc"`
}

func (e ending) sum() uint32 {
	return crc32.Checksum(fmt.Appendf(nil, "ending %d", e.Last), castagnoli)
}

func (db *DB) noteEnding() error {
	e := ending{Last: db.visible.Load()}
	e.Checksum = e.sum()
	content, err := json.Marshal(e)
	if err != nil {
		return err
	}
	fs, name := db.fs, db.fs.PathJoin(db.options.Dir, endingFile)
	f, err := fs.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(fs, db.options.Dir)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkEnding compares the end of the log with what an earlier Close noted.
func (db *DB) checkEnding(last uint64) error {
	f, err := db.fs.Open(db.fs.PathJoin(db.options.Dir, endingFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	var e ending
	if err := json.Unmarshal(content, &e); err != nil || e.Checksum != e.sum() {
		return fmt.Errorf("%w: %s", ErrCorrupt, endingFile)
	}
	if last < e.Last {
		return fmt.Errorf("%w: the log ends at position %d, and ended at %d when it was closed", ErrCorrupt, last, e.Last)
	}
	return nil
}
