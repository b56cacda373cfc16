package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/sstable"
)

// Report is what a verification found.
type Report struct {
	Events  uint64 // events read and found whole, links that are carried by events not counted
	Links   uint64
	Streams uint64
	Files   int
	// Damage lists what is not as it was written, at most maxDamage entries.
	Damage []error
}

const maxDamage = 1000

func (r *Report) damaged(err error) bool {
	if len(r.Damage) < maxDamage {
		r.Damage = append(r.Damage, err)
	}
	return len(r.Damage) < maxDamage
}

// Verify reads everything: every block of every table file, every record with its checksum, and every index
// entry with the record that it points to. The error is only that it could not go on.
func (db *DB) Verify(ctx context.Context) (*Report, error) {
	r, err := db.read()
	if err != nil {
		return nil, err
	}
	defer r.close()
	report := &Report{}
	if err := db.verifyFiles(ctx, report); err != nil {
		return report, err
	}
	if err := r.verifyEvents(ctx, report); err != nil {
		return report, err
	}
	return report, r.verifyIndex(ctx, report)
}

// verifyFiles checks the checksums of all blocks, also of those that no read would touch.
func (db *DB) verifyFiles(ctx context.Context, report *Report) error {
	levels, err := db.pebble.SSTables()
	if err != nil {
		return err
	}
	for _, level := range levels {
		for _, table := range level {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			name := fmt.Sprintf("%s.sst", table.BackingSSTNum)
			err := db.verifyFile(ctx, db.fs.PathJoin(db.options.Dir, name))
			if errors.Is(err, errGone) {
				continue // compacted away since it was listed
			}
			report.Files++
			if err != nil && !report.damaged(fmt.Errorf("%w: file %s: %w", ErrCorrupt, name, err)) {
				return nil
			}
		}
	}
	return nil
}

var errGone = errors.New("the file is gone")

func (db *DB) verifyFile(ctx context.Context, path string) error {
	f, err := db.fs.Open(path)
	if err != nil {
		return errGone
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	o := db.pebbleOptions()
	o.EnsureDefaults()
	reader, err := sstable.NewReader(ctx, readable, o.MakeReaderOptions())
	if err != nil {
		return err // which closed the file
	}
	return errors.Join(reader.ValidateBlockChecksums(), reader.Close())
}

// verifyEvents reads the log from one end to the other.
func (r *reader) verifyEvents(ctx context.Context, report *Report) error {
	it, err := r.eventIterator()
	if err != nil {
		return err
	}
	next := uint64(1)
	for valid := it.First(); valid; valid = it.Next() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		position, err := positionOfKey(it.Key())
		if err == nil && position > r.limit {
			return nil
		}
		if err == nil && position != next {
			err = corruptAt(next, "the next event stands at position %d", position)
		}
		if err != nil && !report.damaged(err) {
			return nil
		}
		entries, err := r.entriesOf(it)
		if err != nil {
			// Where the next record begins is not known any more; it is reported as missing, too.
			next = position + 1
			if !report.damaged(err) {
				return nil
			}
			continue
		}
		report.Events++
		report.Links += uint64(len(entries) - 1)
		next = entries[0].Record.End() + 1
	}
	if err := it.Error(); err != nil {
		report.damaged(asCorrupt(err))
		return nil
	}
	if next <= r.limit {
		report.damaged(corruptAt(next, "the log ends here, and should reach position %d", r.limit))
	}
	return nil
}

// verifyIndex follows every index entry to its event, and counts that there are as many as events and links.
func (r *reader) verifyIndex(ctx context.Context, report *Report) error {
	it, err := r.indexIterator()
	if err != nil {
		return err
	}
	stream, next, entries := "", int64(0), uint64(0)
	for valid := it.First(); valid; valid = it.Next() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name, first, err := splitIndexKey(it.Key())
		if err == nil && (entries == 0 || name != stream) {
			stream, next = name, 0
			report.Streams++
		}
		if err == nil && first != next && first != TombstoneRevision {
			err = fmt.Errorf("%w: stream %q has no event %d", ErrCorrupt, name, next)
		}
		var refs []ref
		if err == nil {
			refs, err = r.refsOf(it)
		}
		if err != nil && !report.damaged(asCorrupt(err)) {
			return nil
		}
		for i, at := range refs {
			entries++
			if _, err := r.entry(at, name, first+int64(i)); err != nil && !report.damaged(asCorrupt(err)) {
				return nil
			}
		}
		if first != TombstoneRevision {
			next = first + int64(len(refs))
		}
	}
	if err := it.Error(); err != nil {
		report.damaged(asCorrupt(err))
	} else if want := report.Events + report.Links; entries != want && len(report.Damage) == 0 {
		report.damaged(fmt.Errorf("%w: the index has %d entries for %d events and links", ErrCorrupt, entries, want))
	}
	return nil
}
