package esdb

import (
	"errors"
	"io"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"avportal/eventstore"
)

// breaks reports whether an error means that the link it came over is of no more use.
func breaks(err error) bool {
	if errors.Is(err, errSilent) || errors.Is(err, errBroken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if e := (*client.Error)(nil); errors.As(err, &e) {
		switch e.Code() {
		case client.ErrorCodeConnectionClosed, client.ErrorUnavailable, client.ErrorCodeNotLeader, client.ErrorCodeDeadlineExceeded:
			return true
		}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	}
	return false
}

// transient reports whether the same call may succeed later. Everything that is not known to be final is: an append
// that is repeated does no harm, one that is given up may have been written.
func transient(err error) bool {
	if errors.Is(err, eventstore.ErrConflict) || errors.Is(err, eventstore.ErrTooLarge) || errors.Is(err, errClosed) || errors.Is(err, errFinal) {
		return false
	}
	if breaks(err) {
		return true
	}
	if e := (*client.Error)(nil); errors.As(err, &e) {
		switch e.Code() {
		case client.ErrorCodeUnauthenticated, client.ErrorCodeAccessDenied, client.ErrorCodeStreamDeleted,
			client.ErrorCodeUnsupportedFeature, client.ErrorCodeParsing, client.ErrorCodeResourceNotFound, client.ErrorCodeResourceAlreadyExists:
			return false
		}
	}
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists,
		codes.FailedPrecondition, codes.Unimplemented, codes.OutOfRange, codes.DataLoss:
		return false
	}
	return true
}

// errFinal marks errors for which trying again is hopeless.
var errFinal = errors.New("final")

// errBroken means that the stream of appends has ended.
var errBroken = errors.New("stream of appends broke")

// notFound reports whether a stream does not exist, or no longer.
func notFound(err error) bool {
	e := (*client.Error)(nil)
	return errors.As(err, &e) && e.Code() == client.ErrorCodeResourceNotFound
}
