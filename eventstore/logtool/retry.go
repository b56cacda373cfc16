package logtool

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// transient says whether the same may succeed later: the server is away, changes its leader, or has no room now.
func transient(err error) bool {
	if errors.Is(err, io.EOF) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted:
		return true
	}
	return false
}

// retry paces attempts that fail one after the other.
type retry struct {
	patience time.Duration
	pause    time.Duration
	since    time.Time // of the first failure after progress
}

func newRetry(patience time.Duration) *retry { return &retry{patience: patience} }

func (r *retry) progress() { r.pause, r.since = 0, time.Time{} }

// wait returns false when it is time to give up.
func (r *retry) wait(ctx context.Context) bool {
	if r.since.IsZero() {
		r.since = time.Now()
	}
	if time.Since(r.since) > r.patience {
		return false
	}
	r.pause = min(max(2*r.pause, 50*time.Millisecond), 2*time.Second)
	timer := time.NewTimer(r.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
