package logtool

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"avportal/eventstore/node/storage"
)

// FolderReport is what VerifyFolder found.
type FolderReport struct {
	Events      uint64      `json:"events"` // of all streams, without links
	Links       uint64      `json:"links"`
	Streams     uint64      `json:"streams"`
	Files       int         `json:"files"`
	Fingerprint Fingerprint `json:"fingerprint"`
	Damage      []string    `json:"damage,omitempty"`
}

// ErrInUse says that a node runs on the folder.
var ErrInUse = storage.ErrLocked

// VerifyFolder reads everything in the folder of a node that does not run: every block of every file, every record with
// its checksum, every index entry with the event that it leads to, and the links. Damage is in the report; an error says
// that the folder could not be read.
func VerifyFolder(ctx context.Context, dir string, logger *slog.Logger) (report FolderReport, err error) {
	if _, err := os.Stat(dir); err != nil { // opening would make one
		return report, err
	}
	db, err := storage.Open(storage.Options{Dir: dir, Logger: logger})
	if errors.Is(err, storage.ErrCorrupt) || pebble.IsCorruptionError(err) {
		report.Damage = append(report.Damage, err.Error())
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.Verify(ctx)
	if err != nil {
		return report, err
	}
	report.Events, report.Links, report.Streams, report.Files = found.Events, found.Links, found.Streams, found.Files
	for _, damage := range found.Damage {
		report.Damage = append(report.Damage, damage.Error())
	}
	if len(report.Damage) > 0 {
		return report, nil
	}
	if report.Fingerprint, err = fingerprint(scan(ctx, db), func(*Event) {}); errors.Is(err, ErrGap) {
		report.Damage = append(report.Damage, err.Error())
		err = nil
	}
	return report, err
}

// VerifyServer reads the log of a running node or cluster, as far as it reaches now. A node checks the checksum of every
// record that it serves. ErrGap says that a stream lacks events.
func VerifyServer(ctx context.Context, from string, progress func(Progress), logger *slog.Logger) (f Fingerprint, err error) {
	s, err := dial(ctx, from, 0, logger)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	head, err := s.head(ctx)
	if err != nil {
		return f, err
	}
	f, err = fingerprint(s.events(ctx, 0, head), newMeter("verify", head, progress).seen)
	return f, wrap("verify", err)
}
