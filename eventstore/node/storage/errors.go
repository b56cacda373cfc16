package storage

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt says that stored bytes are not what was written. The node never serves such bytes.
	ErrCorrupt = errors.New("stored data is damaged")
	// ErrClosed says that the log has been closed.
	ErrClosed = errors.New("the log is closed")
	// ErrStopped says that a write or an fsync failed and the log has stopped for good: what the disk holds
	// is unknown until the folder is opened again.
	ErrStopped = errors.New("the log stopped after a failed write")
	// ErrDiskFull says that nothing was written because the disk has no room. Appends work again as soon as
	// there is room.
	ErrDiskFull = errors.New("the disk of the log is full")
	// ErrStreamNotFound says that a stream has no event, or was soft-deleted.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrLocked says that another process has the folder open.
	ErrLocked = errors.New("the data folder is in use by another process")
	// ErrDeadline says that an append waited past its deadline and was not written.
	ErrDeadline = errors.New("the append waited past its deadline and was not written")
)

// StreamDeletedError answers reads of and writes to a stream that was tombstoned, and writes that need a
// stream which is soft-deleted.
type StreamDeletedError struct{ Stream string }

func (e *StreamDeletedError) Error() string { return fmt.Sprintf("stream %q is deleted", e.Stream) }

// WrongExpectedVersionError answers a write whose expectation does not hold. Actual is -1 for a stream
// without events.
type WrongExpectedVersionError struct {
	Stream   string
	Expected Expected
	Actual   int64
}

func (e *WrongExpectedVersionError) Error() string {
	return fmt.Sprintf("stream %q: expected revision %d, actual revision %d", e.Stream, e.Expected, e.Actual)
}

func corruptAt(position uint64, format string, args ...any) error {
	return fmt.Errorf("%w at position %d: %s", ErrCorrupt, position, fmt.Sprintf(format, args...))
}
