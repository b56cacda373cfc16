package storage

import (
	"math"
	"time"

	"github.com/google/uuid"
)

// Expected is the state that a write expects its stream to be in: an exact revision from 0, or one of the constants.
type Expected int64

// The numbers are those of the EventStoreDB protocol; they appear in trailers.
const (
	NoStream     Expected = -1
	Any          Expected = -2
	StreamExists Expected = -4
)

// Event is an event to be written.
type Event struct {
	ID       uuid.UUID
	Type     string
	JSON     bool
	Data     []byte
	Metadata []byte
	Created  int64 // 100 ns ticks since 1970, of an event that is restored; 0 for the time of the commit
}

// size is what an event counts for the limits of batches and queues, bytes.
func (e *Event) size() int { return len(e.Data) + len(e.Metadata) + len(e.Type) + 128 }

// Operation tells what a write does with its stream.
type Operation uint8

// What a write may do.
const (
	OpAppend Operation = iota
	OpDelete           // soft: the stream reads as not found, and goes on at the next revision when it is written again
	OpTombstone
)

// Append is one write to one stream and, after Done was called, its answer.
type Append struct {
	Stream    string
	Expected  Expected
	Events    []Event // all or none are written; ignored by OpDelete and OpTombstone
	Operation Operation
	Deadline  time.Time // by the system clock, zero for none; a write that is still waiting then is not made

	control func(*writer) error // what the writer does instead, in a commit of its own

	// Done is called once, from the goroutine that finishes commits: it must not block. The answer is durable.
	Done func(*Append)

	// Err is nil, a *WrongExpectedVersionError, a *StreamDeletedError, or one of the package's errors. After
	// ErrStopped the write may or may not be on disk; after every other error it is not.
	Err error
	// Revision of the last event of this write (of the first time, if it repeats an earlier one); -1 if the
	// stream has no event.
	Revision int64
	// Position of that event.
	Position uint64
}

func (a *Append) size() int {
	n := len(a.Stream) + 64
	for i := range a.Events {
		n += a.Events[i].size()
	}
	return n
}

// StreamMetadata is what the $metadata of a stream means to reads and writes. Unknown or malformed metadata
// means nothing.
type StreamMetadata struct {
	TruncateBefore int64         // lowest readable revision
	MaxCount       int64         // 0 for no limit
	MaxAge         time.Duration // 0 for no limit
}

// SoftDeleted says whether the stream reads as not found.
func (m StreamMetadata) SoftDeleted() bool { return m.TruncateBefore == math.MaxInt64 }
