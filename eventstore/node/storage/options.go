package storage

import (
	"errors"
	"fmt"
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
	// MemTableBytes is what is collected in memory before a table file is written; 0 for 32 MiB. Up to four
	// times as much may be in use.
	MemTableBytes int
	// MinFreeBytes is the free space below which appends are refused; 0 for 256 MiB, negative for none.
	MinFreeBytes int64
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
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 256 << 20
	}
	return o
}

func (db *DB) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          db.fs,
		Lock:                        db.lock,
		Logger:                      stopLogger{db},
		CacheSize:                   db.options.CacheBytes + 4*int64(db.options.MemTableBytes), // memtables are counted against the cache
		MemTableSize:                uint64(db.options.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		// Write-ahead logs of this format tell damage from a torn tail, and tables have a checksum in their footer.
		FormatMajorVersion:         pebble.FormatTableFormatV6,
		L0CompactionThreshold:      4,
		L0StopWritesThreshold:      64,
		LBaseMaxBytes:              64 << 20,
		MaxOpenFiles:               512,
		CompactionConcurrencyRange: func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)/2) },
	}
	o.EventListener = &pebble.EventListener{BackgroundError: db.backgroundError, DataCorruption: db.dataCorruption}
	o.TargetFileSizes[0] = min(2<<20, int64(db.options.MemTableBytes)/2)
	o.Experimental.SpanPolicyFunc = eventsApart
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 16 << 10 // an event has about 700 bytes; the default holds five of them
	}
	return o
}

// eventsApart keeps events and index in tables of their own. Tables of events never overlap, for their keys only grow,
// so that the engine moves them down its levels instead of writing them again; a table with both would have to be
// merged with everything.
func eventsApart(start []byte) (pebble.SpanPolicy, []byte, error) {
	if len(start) == 0 || start[0] <= kindEvent {
		return pebble.SpanPolicy{}, []byte{kindEvent + 1}, nil
	}
	return pebble.SpanPolicy{}, nil, nil
}

// backgroundError hears of a failed flush or compaction. The engine would try for ever; a disk that does not take
// writes is not to be trusted with acknowledgements.
func (db *DB) backgroundError(err error) {
	switch {
	case errors.Is(err, pebble.ErrCancelledCompaction):
	case pebble.IsCorruptionError(err):
		db.options.Logger.Error("stored data is damaged; run the verification", "error", err)
	default:
		db.stop(err)
	}
}

// dataCorruption hears of blocks whose checksum is wrong. Who reads them gets an error; everything else goes on.
func (db *DB) dataCorruption(info pebble.DataCorruptionInfo) {
	db.options.Logger.Error("stored data is damaged; run the verification", "file", info.Path, "error", info.Details)
}

// stopLogger carries Pebble's messages, and turns the errors on which Pebble would end the process into a stop of this log.
type stopLogger struct{ db *DB }

func (l stopLogger) Infof(string, ...any) {}

func (l stopLogger) Errorf(format string, args ...any) {
	l.db.options.Logger.Error("storage engine", "message", fmt.Sprintf(format, args...))
}

// Fatalf must not return, for the engine's state is not to be trusted any more. It must not unwind the stack
// either: the engine's locks may be in a state in which that ends the process. So the goroutine stays here.
func (l stopLogger) Fatalf(format string, args ...any) {
	l.db.stop(fmt.Errorf(format, args...))
	park()
}

// park holds a goroutine of a storage engine that has failed, until the process ends.
func park() { select {} }
