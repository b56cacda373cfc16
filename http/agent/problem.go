package agent

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"avportal/domain"
	"avportal/http/agent/wire"
)

var (
	errTooFast = &domain.Error{Class: domain.Unavailable, Code: wire.CodeRateLimited, Message: "Too many requests. Wait a moment."}
	errBody    = &domain.Error{Class: domain.Invalid, Code: wire.CodeInvalidRequest, Message: "The body is not the JSON that this address expects."}
	errLarge   = &domain.Error{Class: domain.Invalid, Code: wire.CodeTooLarge, Message: "The body is larger than 1 MiB."}
)

// statusOf gives the status of each refusal that has one of its own; others go by their class.
var statusOf = map[string]int{
	wire.CodeUnknownTID:      http.StatusForbidden,
	wire.CodeLicenseExpired:  http.StatusForbidden,
	wire.CodeNoSeats:         http.StatusForbidden,
	wire.CodeUnknownGroup:    http.StatusUnprocessableEntity,
	wire.CodeDeviceRemoved:   http.StatusGone,
	wire.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	wire.CodeRateLimited:     http.StatusTooManyRequests,
	domain.ErrKeyReused.Code: http.StatusUnprocessableEntity,
	domain.ErrNotFound.Code:  http.StatusGone, // a credential without a device: only a restored log can lead here
	wire.CodeUnauthorized:    http.StatusUnauthorized,
}

var statusOfClass = map[domain.Class]int{
	domain.Invalid:     http.StatusBadRequest,
	domain.Forbidden:   http.StatusForbidden,
	domain.NotFound:    http.StatusNotFound,
	domain.Conflict:    http.StatusConflict,
	domain.Stale:       http.StatusConflict,
	domain.Reused:      http.StatusUnprocessableEntity,
	domain.Unavailable: http.StatusServiceUnavailable,
}

func problem(status int, code, detail string) wire.Problem {
	return wire.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// fail answers an error: a refusal as it is, anything else as "try later", since a device can do nothing about it.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *domain.Error
	switch {
	case errors.Is(err, wire.ErrCredential):
		s.refuse(w, problem(http.StatusUnauthorized, wire.CodeUnauthorized, "The credential is not known."))
	case errors.As(err, &refusal):
		status, ok := statusOf[refusal.Code]
		if !ok {
			status = statusOfClass[refusal.Class]
		}
		if status == http.StatusServiceUnavailable {
			s.Log.Warn("device request not answered", "path", r.URL.Path, "err", err)
		}
		s.refuse(w, problem(status, refusal.Code, refusal.Message))
	case r.Context().Err() != nil: // the device has gone; nobody reads the answer
	default:
		s.Log.Error("device request failed", "path", r.URL.Path, "err", err)
		s.refuse(w, problem(http.StatusServiceUnavailable, wire.CodeUnavailable, "The portal can't answer right now."))
	}
}

func (s *server) refuse(w http.ResponseWriter, p wire.Problem) {
	w.Header().Set("Content-Type", wire.ContentTypeProblem)
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		w.Header().Set(wire.HeaderRetryAfter, "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the device has gone if this fails
}

// decode reads a JSON body, and gives its bytes too. Unknown fields are left aside: they are a newer client's.
func decode(w http.ResponseWriter, r *http.Request, into any) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBodyBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errLarge
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, errBody
	}
	return body, nil
}

func answer(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", wire.ContentTypeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the device has gone if this fails; it will ask again
	return nil
}
