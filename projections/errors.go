package projections

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"avportal/eventstore"
)

// Errors of the engine. Test them with errors.Is.
var (
	// ErrGap says that a batch does not follow what the view has applied. The subscription has to start again.
	ErrGap = errors.New("events are missing between the view and the batch")
	// ErrFenced says that another projector, a swap or a restored database has moved the view. Nothing was written.
	ErrFenced = errors.New("the view was moved by somebody else")
	// ErrUnknownEvent says that this build does not declare an event: most likely a newer portal wrote it.
	ErrUnknownEvent = errors.New("this build does not know the event's type or version")
	// ErrNoRow says that an event needs a row that is not there.
	ErrNoRow = errors.New("the event needs a row that does not exist")
	// ErrRowExists says that an event creates a row that is there.
	ErrRowExists = errors.New("the event creates a row that exists")
	// ErrNotYet says that a view has not reached a position in the time given.
	ErrNotYet = errors.New("the view has not reached the position yet")
	// ErrAhead says that a view or policy has seen more than the log holds: the log was restored from an older copy.
	ErrAhead = errors.New("there are events missing in the log that were in it; it must have been restored from an older copy")
	// ErrQuarantinedLate says that a view has applied an event which an operator quarantined afterwards.
	ErrQuarantinedLate = errors.New("the view has applied an event that is quarantined")
	// ErrNotHalted says that a view stands before no event.
	ErrNotHalted = errors.New("the view stands before no event that it can't apply")
	// ErrNoSuchMoment says that a moment of the past is not there, or not yet.
	ErrNoSuchMoment = errors.New("there is no such moment of the past")
	// ErrInUse says that what should be dropped is being read.
	ErrInUse = errors.New("it is in use")
	// ErrTooLarge says that a moment takes more room than all moments together may.
	ErrTooLarge = errors.New("the moment is larger than what moments of the past may take")
	// ErrNoView says that there is no view of a name.
	ErrNoView = errors.New("there is no such view")
	// ErrNoGeneration says that there is no generation of a name.
	ErrNoGeneration = errors.New("there is no such generation")
	// ErrRunning says that something is being done with the view already.
	ErrRunning = errors.New("another operation on this view is running")
	// ErrNoPolicy says that no policy of a name has ever run.
	ErrNoPolicy = errors.New("there is no such policy")
	// ErrNoPrevious says that there is no generation to roll back to.
	ErrNoPrevious = errors.New("there is no previous generation of this version to roll back to")
)

// EventError names the event that a view or policy can't apply.
type EventError struct {
	View     string
	ID       uuid.UUID
	Type     string
	Stream   string
	Revision eventstore.Revision
	Position eventstore.Position
	Err      error

	index int // in its batch
}

func (e *EventError) Error() string {
	return fmt.Sprintf("%s: %s (%s, %d@%s, position %s): %v", e.View, e.Type, e.ID, e.Revision, e.Stream, e.Position, e.Err)
}

func (e *EventError) Unwrap() error { return e.Err }

func newEventError(index int, r eventstore.Recorded, err error) *EventError {
	return &EventError{ID: r.ID, Type: r.Type, Stream: r.Stream.String(), Revision: r.Revision, Position: r.Position, Err: err, index: index}
}

// SQLSTATEs raised by portal.must.
const (
	stateFenced  = "PV001"
	stateMissing = "PV002"
)

// fromPostgres gives errors of our own their names.
func fromPostgres(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == stateFenced {
		return fmt.Errorf("%w: %s", ErrFenced, pg.Message)
	}
	return err
}

// dataError is an error in a value, found before Postgres saw it.
type dataError struct{ error }

func (e dataError) Unwrap() error { return e.error }

// refused reports whether the data can't be stored: no repetition will help. Everything else (a connection lost, a lock not
// had, a full disk, a shutdown) may pass.
func refused(err error) bool {
	var data dataError
	if errors.As(err, &data) {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	if pg.Code == stateMissing {
		return true
	}
	switch pg.Code[:2] {
	case "21", "22", "23", "42", "44", "54", "0A":
		return true
	}
	return false
}
