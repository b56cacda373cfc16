package node

import (
	"context"
	"errors"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"avportal/eventstore/node/storage"
)

// fail answers a call with a status. EventStoreDB names the kind of error in the trailer "exception", and
// clients match on it; the further keys belong to the kind.
func fail(ctx context.Context, code codes.Code, message, exception string, keys ...string) error {
	if exception != "" {
		// The error is only that the call has ended already, and then nobody reads trailers.
		_ = grpc.SetTrailer(ctx, metadata.Pairs(append([]string{"exception", exception}, keys...)...))
	}
	return status.Error(code, message)
}

func invalid(message string) error { return status.Error(codes.InvalidArgument, message) }

// statusOf translates what the log answers.
func statusOf(ctx context.Context, err error) error {
	var wrong *storage.WrongExpectedVersionError
	var deleted *storage.StreamDeletedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &deleted):
		// The trailer stream-name must be there: the official client indexes it unchecked.
		return fail(ctx, codes.FailedPrecondition, deleted.Error(), "stream-deleted", "stream-name", deleted.Stream)
	case errors.As(err, &wrong):
		return fail(ctx, codes.FailedPrecondition, wrong.Error(), "wrong-expected-version",
			"stream-name", wrong.Stream,
			"expected-version", strconv.FormatInt(int64(wrong.Expected), 10),
			"actual-version", strconv.FormatInt(wrong.Actual, 10))
	case errors.Is(err, storage.ErrDiskFull):
		return status.Error(codes.ResourceExhausted, err.Error())
	case errors.Is(err, storage.ErrCorrupt):
		return status.Error(codes.DataLoss, err.Error())
	case errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrStopped):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, storage.ErrDeadline):
		return status.Error(codes.Aborted, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	if _, isStatus := status.FromError(err); isStatus {
		return err
	}
	return status.Error(codes.Unknown, err.Error())
}

func maximumAppendSizeExceeded(ctx context.Context, limit int) error {
	n := strconv.Itoa(limit)
	return fail(ctx, codes.InvalidArgument, "the append is larger than "+n+" bytes", "maximum-append-size-exceeded", "maximum-append-size", n)
}

func missingMetadata(ctx context.Context) error {
	return fail(ctx, codes.InvalidArgument, "an event needs the metadata type and content-type",
		"missing-required-metadata-property", "required-metadata-properties", "type,content-type")
}

// isMissing says whether a stream has nothing to read.
func isMissing(err error) bool {
	var deleted *storage.StreamDeletedError
	return errors.Is(err, storage.ErrStreamNotFound) || errors.As(err, &deleted)
}

// errClosing ends calls that would go on for ever when the node closes.
var errClosing = status.Error(codes.Unavailable, "the node is closing")
