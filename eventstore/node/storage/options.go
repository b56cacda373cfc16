package storage

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of Open. Only Dir is needed.
type Options struct {
	Dir         string
	FS          vfs.FS // nil for the disk; tests inject faults and power loss here
	Logger      *slog.Logger
	Now         func() time.Time
	Projections []Projection // system projections whose links are written with each event
	CacheBytes  int64        // block cache; 0 for 64 MiB
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	return o
}

const memTableBytes = 32 << 20

func (db *DB) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          db.options.FS,
		Lock:                        db.lock,
		Logger:                      stopLogger{db},
		CacheSize:                   db.options.CacheBytes + 4*memTableBytes, // memtables are counted against the cache
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		// Write-ahead logs of this format tell damage from a torn tail, and tables have a checksum in their footer.
		FormatMajorVersion:         pebble.FormatTableFormatV6,
		L0CompactionThreshold:      4,
		L0StopWritesThreshold:      64,
		LBaseMaxBytes:              64 << 20,
		MaxOpenFiles:               512,
		CompactionConcurrencyRange: func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)/2) },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// stopLogger carries Pebble's messages, and turns the errors on which Pebble would end the process into a stop of this log.
type stopLogger struct{ db *DB }

func (l stopLogger) Infof(string, ...any) {}

func (l stopLogger) Errorf(format string, args ...any) {
	l.db.options.Logger.Error("storage engine", "message", sprintf(format, args))
}

// Fatalf must not return: the engine's state is not to be trusted any more. It ends the goroutine, with its
// deferred calls run; the writer answers what is waiting in one of those.
func (l stopLogger) Fatalf(format string, args ...any) {
	l.db.stop(errorf(format, args))
	runtime.Goexit()
}
