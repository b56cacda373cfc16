package logtool

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/google/uuid"
)

// Event is one event of a log.
type Event struct {
	Position uint64 // where it stands in the log that it was read from
	Stream   string
	Revision int64
	ID       uuid.UUID
	Type     string
	JSON     bool
	Created  int64 // 100 ns ticks since 1970, by the clock of the server that wrote it
	Data     []byte
	Metadata []byte
}

// selection is the filter that makes servers send what a copy carries, and carried is the same for streams' names.
const selection = `^([^$]|\$\$[^$])`

func carried(stream string) bool {
	owner := strings.TrimPrefix(stream, "$$")
	return owner != "" && owner[0] != '$'
}

// tombstone says whether the event ends its stream for good. Servers make such events themselves, with an id of their own.
func (e *Event) tombstone() bool { return e.Revision == math.MaxInt64 }

// describes is the stream whose metadata the event is, "" for none.
func (e *Event) describes() string {
	owner, is := strings.CutPrefix(e.Stream, "$$")
	if !is {
		return ""
	}
	return owner
}

func (e *Event) size() int { return len(e.Stream) + len(e.Type) + len(e.Data) + len(e.Metadata) + 64 }

// deletedForNow is the truncation mark of a stream that is soft-deleted.
const deletedForNow = math.MaxInt64

// truncatesBefore is the revision before which metadata hides events, 0 for none.
func truncatesBefore(metadata []byte) int64 {
	var m struct {
		TruncateBefore int64 `json:"$tb"`
	}
	if json.Unmarshal(metadata, &m) != nil {
		return 0
	}
	return max(m.TruncateBefore, 0)
}

// undeletes says whether the event is metadata with which a server may have ended a soft deletion by itself: it does so
// when somebody writes to the stream, with an id of its own.
func (e *Event) undeletes() bool {
	if e.describes() == "" || e.tombstone() {
		return false
	}
	mark := truncatesBefore(e.Data)
	return mark > 0 && mark != deletedForNow
}
