package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// A torn tail and a damaged tail look the same to the storage engine: it cuts off what it cannot read at the end
// of its own logs. So Close notes in a file where the log ended, and what the engine's bookkeeping files
// contained, and Open refuses a log that ends earlier or has other bookkeeping. Table files have checksums of
// their own; write-ahead logs hold nothing after a Close.
const endingFile = "ENDING"

type ending struct {
	ID   uuid.UUID `json:"id,omitzero"` // of the log
	Last uint64    `json:"last"`
	// Files has the checksum of each bookkeeping file. It is dropped when the log is opened: the engine changes
	// them from then on.
	Files    map[string]uint32 `json:"files,omitempty"`
	Checksum uint32            `json:"crc"`
}

func (e ending) sum() (uint32, error) {
	e.Checksum = 0
	content, err := json.Marshal(e)
	return crc32.Checksum(content, castagnoli), err
}

// noteEnding writes the file. An ending that is noted at Close has the checksums.
func (db *DB) noteEnding(last uint64, closed bool) (err error) {
	e := ending{ID: db.id, Last: last}
	if closed {
		if e.Files, err = db.bookkeeping(); err != nil {
			return err
		}
	}
	if e.Checksum, err = e.sum(); err != nil {
		return err
	}
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
	d, err := fs.OpenDir(db.options.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// bookkeeping returns the checksums of the engine's files that are neither tables nor write-ahead logs.
func (db *DB) bookkeeping() (map[string]uint32, error) {
	names, err := db.fs.List(db.options.Dir)
	if err != nil {
		return nil, err
	}
	sums := map[string]uint32{}
	for _, name := range names {
		if name == "LOCK" || strings.HasPrefix(name, endingFile) || strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".log") {
			continue
		}
		content, err := db.readFile(name)
		if err != nil {
			return nil, err
		}
		sums[name] = crc32.Checksum(content, castagnoli)
	}
	return sums, nil
}

func (db *DB) readFile(name string) ([]byte, error) {
	f, err := db.fs.Open(db.fs.PathJoin(db.options.Dir, name))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

// beginAfter finds out where the log must end at least, and notes it: whoever opens the folder next must find it out too,
// also if this process is killed on the way, for the engine changes its bookkeeping and deletes its write-ahead logs while
// it opens them.
func (db *DB) beginAfter() (err error) {
	if db.ending, err = db.readEnding(); err != nil {
		return err
	}
	db.id = db.ending.ID
	if db.ending.Files == nil {
		promised, err := db.promised()
		if err != nil {
			return err
		}
		db.ending.Last = max(db.ending.Last, promised)
	}
	return db.noteEnding(db.ending.Last, false)
}

// readEnding returns what an earlier Close noted, after comparing the bookkeeping files with it.
func (db *DB) readEnding() (e ending, err error) {
	content, err := db.readFile(endingFile)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(content, &e); err != nil {
		return e, fmt.Errorf("%w: file %s", ErrCorrupt, endingFile)
	}
	if sum, err := e.sum(); err != nil || sum != e.Checksum {
		return e, fmt.Errorf("%w: file %s", ErrCorrupt, endingFile)
	}
	if e.Files == nil {
		return e, nil
	}
	found, err := db.bookkeeping()
	if err != nil {
		return e, err
	}
	for name, sum := range e.Files {
		if found[name] != sum {
			return e, fmt.Errorf("%w: file %s", ErrCorrupt, name)
		}
	}
	return e, nil
}
