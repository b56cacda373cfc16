// Package eventstore is the portal's view of EventStoreDB: positions, recorded events, and the Store that appends,
// reads and subscribes. The log that it keeps is the action log.
package eventstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
)

// Position is a place in the whole log. It is opaque and sparse: only compare positions, never compute one.
// Both halves are kept, since a server may need both. The zero Position is before every event.
type Position struct{ Commit, Prepare uint64 }

// Compare orders positions as the log does.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Commit, q.Commit), cmp.Compare(p.Prepare, q.Prepare))
}

// IsZero reports whether p is before every event.
func (p Position) IsZero() bool { return p == Position{} }

func (p Position) String() string {
	return strconv.FormatUint(p.Commit, 10) + "/" + strconv.FormatUint(p.Prepare, 10)
}

// ParsePosition is the inverse of Position.String.
func ParsePosition(s string) (Position, error) {
	c, p, ok := strings.Cut(s, "/")
	commit, err1 := strconv.ParseUint(c, 10, 63)
	prepare, err2 := strconv.ParseUint(p, 10, 63)
	if !ok || err1 != nil || err2 != nil {
		return Position{}, fmt.Errorf("position %q is not of the form <commit>/<prepare>", s)
	}
	return Position{commit, prepare}, nil
}

// Revision is a place in one stream, from 0 and without gaps.
type Revision int64

// NoStream is the revision of a stream that has no events: what a first append must expect.
const NoStream Revision = -1

// Metadata stands with every event. It names nobody: actors are opaque ids.
type Metadata struct {
	Correlation uuid.UUID        // the activity: a command and all that came of it; kept by $bc-<correlation>
	Causation   uuid.UUID        // the event that a policy reacted to, or the command itself
	Command     uuid.UUID        // the command's id; event ids derive from it
	Fingerprint string           // of the request, to tell a replay from a reused key; may be empty
	Actor       domain.ActorKind //
	ActorID     string
	OnBehalfOf  string
	Version     int // of the event's shape
}

// Proposed is an event to be appended.
type Proposed struct {
	ID    uuid.UUID // never zero: the same id makes a repeated append harmless
	Event domain.Event
	Meta  Metadata
}

// Recorded is an event in the log.
type Recorded struct {
	ID       uuid.UUID
	Stream   domain.Stream
	Revision Revision
	Position Position
	At       time.Time // when the store wrote it, UTC
	Type     string
	Meta     Metadata
	Event    domain.Event // decoded to its present shape, or domain.Unknown
	Data     []byte       // as stored
	RawMeta  []byte       // as stored

	// Link is the revision of the link through which the event was read (in $ce- and $bc- streams), else NoStream.
	Link Revision
}

// Appended tells where an append went: the revision and position of its last event.
type Appended struct {
	Revision Revision
	Position Position
}

// Direction is the way a read goes.
type Direction bool

// The two directions.
const (
	Forward  Direction = false
	Backward Direction = true
)

// Start and End are the two ends of a stream for Read: the first event, and the last.
const (
	Start Revision = 0
	End   Revision = 1<<63 - 1
)

// Store is EventStoreDB as the portal uses it. All errors are wrapped; test them with errors.Is.
type Store interface {
	// Append writes events atomically after the given revision of a stream: exactly that revision, or NoStream.
	// It returns when they are durable. ErrConflict means that the stream is elsewhere, nothing was written. While the
	// server is away it repeats the append until the context ends: give it one with a deadline.
	// ErrUnavailable means that the outcome is unknown: repeat with the very same events.
	Append(ctx context.Context, stream domain.Stream, expected Revision, events []Proposed) (Appended, error)

	// Read yields a stream from a revision (inclusive), at most limit events (0 means all). A stream that does not
	// exist yields nothing.
	Read(ctx context.Context, stream domain.Stream, from Revision, d Direction, limit int) iter.Seq2[Recorded, error]

	// ReadLinks yields the events that a system stream ("$ce-<tenant>", "$bc-<correlation id>") points to, from a
	// revision of that stream (inclusive). Links whose event is gone are left out.
	ReadLinks(ctx context.Context, system string, from Revision, d Direction, limit int) iter.Seq2[Recorded, error]

	// ReadAll yields the portal's events of the whole log (no system events), forward: those after a position;
	// backward: those before it (the zero Position then means the end).
	ReadAll(ctx context.Context, from Position, d Direction, limit int) iter.Seq2[Recorded, error]

	// Subscribe yields the portal's events after a position, first those that are there, then live ones, until the
	// context ends or the connection breaks. It never resumes by itself: the caller starts again from what it has applied.
	// Unless the caller breaks off, the last that it yields is the error why it ended.
	Subscribe(ctx context.Context, after Position) iter.Seq2[Recorded, error]

	// Head is the position of the last of the portal's events; zero if there is none.
	Head(ctx context.Context) (Position, error)
}

// Errors of a Store.
var (
	ErrConflict    = errors.New("stream is at another revision")
	ErrUnavailable = errors.New("event store unavailable, outcome unknown")
	ErrTooLarge    = errors.New("append is too large")
)
