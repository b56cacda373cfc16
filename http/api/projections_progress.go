package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"avportal/domain"
	"avportal/projections"
)

// progressEvery is how often it is looked how far an operation has come: it may run in another process.
const progressEvery = 500 * time.Millisecond

// streamProgress serves GET /projections/{view}/progress until the operation ends.
func (s *server) streamProgress(w http.ResponseWriter, r *http.Request) {
	ctx, view := r.Context(), mux.Vars(r)["view"]
	closed, ok := s.limits.openStream(callOf(ctx).id)
	if !ok {
		s.fail(w, r, errManyStreams)
		return
	}
	defer closed()
	e, err := s.Operator.Engine(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	message, done, err := progressMessage(ctx, e, view)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out := s.beginStream(w)
	out.write(message)
	for told := time.Now(); out.err == nil && !done; {
		if !s.pause(ctx, progressEvery) {
			return
		}
		last := message
		if message, done, err = progressMessage(ctx, e, view); err != nil {
			return // the client comes back, and is told
		}
		switch {
		case message != last:
			out.write(message)
			told = time.Now()
		case time.Since(told) > heartbeat:
			if _, err := s.identify(ctx, r); err != nil {
				return
			}
			out.write(": still here\n\n")
			told = time.Now()
		}
	}
}

// progressMessage is the message about the operation on a view as it stands.
func progressMessage(ctx context.Context, e *projections.Engine, view string) (message string, done bool, err error) {
	o, err := operationOn(ctx, e, view)
	if err == nil && o == nil {
		err = domain.ErrNotFound
	}
	if err != nil {
		return "", false, err
	}
	event := "progress"
	if done = o.State != ProjectionOperationStateRunning; done {
		event = "done"
	}
	data, err := json.Marshal(o)
	return fmt.Sprintf("event: %s\ndata: %s\n\n", event, data), done, err
}

// pause waits, but not beyond the end of the request or of the process.
func (s *server) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.Closing:
	case <-ctx.Done():
	}
	return false
}
