package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/http/api/tokens"
	"avportal/http/signin/credentials"
	"avportal/http/texts"
	"avportal/projections"
)

// Refusals that only this API knows.
var (
	errUnauthorized = &domain.Error{Class: domain.Forbidden, Code: "unauthorized", Message: "Sign in, or send a valid token: Authorization: Bearer avp_..."}
	errNoRoute      = &domain.Error{Class: domain.NotFound, Code: "no_such_address", Message: "There is no such address."}
	errMethod       = &domain.Error{Class: domain.Invalid, Code: "method_not_allowed", Message: "This address does not know this method."}
	errTooLarge     = &domain.Error{Class: domain.Invalid, Code: "body_too_large", Message: "The body is larger than 1 MiB."}
	errMediaType    = &domain.Error{Class: domain.Invalid, Code: "unsupported_media_type", Message: "The body must be application/json."}
	errRateLimited  = &domain.Error{Class: domain.Unavailable, Code: "rate_limited", Message: "Too many requests. Wait a moment."}
	errManyStreams  = errRateLimited.With("Too many event streams are open with this token.")
	errCrossOrigin  = &domain.Error{Class: domain.Forbidden, Code: "cross_origin", Message: "A page of another origin may not do this."}
	errNotYet       = &domain.Error{Class: domain.Unavailable, Code: "not_yet", Message: "The lists have not caught up with this change yet."}
	errBuilding     = &domain.Error{Class: domain.Unavailable, Code: "as_of_building", Message: "This moment is being built from the log. Repeat in a while."}
	errPastBusy     = &domain.Error{Class: domain.Unavailable, Code: "as_of_busy", Message: "Other moments of the past are being built first. Repeat in a while."}
	errPastTooLarge = &domain.Error{Class: domain.Unavailable, Code: "as_of_too_large", Message: "This moment takes more room than the portal keeps for the past."}
	errRunning      = &domain.Error{Class: domain.Conflict, Code: "operation_running", Message: "Something is being done with this view already. Wait for its end."}
	errInUse        = &domain.Error{Class: domain.Conflict, Code: "in_use", Message: "This is in use and can't be dropped."}
	errNotHalted    = &domain.Error{Class: domain.Conflict, Code: "not_halted", Message: "It does not stand before this event."}
	errNotReady     = &domain.Error{Class: domain.Unavailable, Code: "not_ready", Message: "The lists are being built for the first time. Repeat in a moment."}
	errDatabase     = &domain.Error{Class: domain.Unavailable, Code: "unavailable", Message: "The database can't be reached right now. Repeat in a moment."}
	errInternal     = &domain.Error{Code: "internal", Message: "Something went wrong. The request id names it in the portal's log."}
)

// statusOf gives the status of each refusal that has one of its own; others go by their class.
var statusOf = map[string]int{
	errUnauthorized.Code:             http.StatusUnauthorized,
	errMethod.Code:                   http.StatusMethodNotAllowed,
	errTooLarge.Code:                 http.StatusRequestEntityTooLarge,
	errRateLimited.Code:              http.StatusTooManyRequests,
	credentials.ErrLocked.Code:       http.StatusTooManyRequests,
	credentials.ErrWrong.Code:        http.StatusUnauthorized,
	credentials.ErrCodeRequired.Code: http.StatusUnauthorized,
	errMediaType.Code:                http.StatusUnsupportedMediaType,
	errPastTooLarge.Code:             http.StatusInsufficientStorage,
}

var statusOfClass = map[domain.Class]int{
	domain.Invalid:     http.StatusBadRequest,
	domain.Forbidden:   http.StatusForbidden,
	domain.NotFound:    http.StatusNotFound,
	domain.Conflict:    http.StatusConflict,
	domain.Stale:       http.StatusPreconditionFailed,
	domain.Reused:      http.StatusUnprocessableEntity,
	domain.Unavailable: http.StatusServiceUnavailable,
}

// behind is errNotYet with how far the lists are.
type behind struct{ reached eventstore.Position }

func (behind) Error() string   { return errNotYet.Error() }
func (b behind) Unwrap() error { return errNotYet }

// building is errBuilding with how far the moment is.
type building struct{ projections.Building }

func (building) Unwrap() error { return errBuilding }

// left is a guess at the seconds that it takes.
func (b building) left() int {
	const least, most = 2, 30
	if b.Share == 0 {
		return least
	}
	spent := time.Since(b.Created).Seconds()
	return min(max(int(spent*(1-b.Share)/b.Share), least), most)
}

// invalid is a request that is not as the document says, with all its faults.
type invalid struct{ faults []fault }

func (invalid) Error() string { return "invalid_request" }

// fault is one entry of a problem's errors.
type fault struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"` // until it is answered, the sentence in English, with its parameters beside it
	Code    string `json:"code"`
	args    []any
}

// invalidRequest is a request with one fault. The detail is a constant format, by which its translations are found.
func invalidRequest(pointer, code, detail string, args ...any) error {
	return invalid{[]fault{{pointer, detail, code, args}}}
}

// problem is an RFC 9457 document.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	Detail    string  `json:"detail"`
	RequestID string  `json:"request_id"`
	Position  string  `json:"position,omitempty"`
	Errors    []fault `json:"errors,omitempty"`
	Progress  *struct {
		Events int64   `json:"events"`
		Share  float64 `json:"share"`
	} `json:"progress,omitempty"`

	retryAfter int // seconds; 0 for one
}

// problemOf says what a caller may know of an error, in his language: refusals as they are, everything else only that it
// happened.
func problemOf(l texts.Language, err error) problem {
	var bad invalid
	if errors.As(err, &bad) {
		p := newProblem(l, http.StatusBadRequest, "invalid_request", l.Sentence(domain.ErrInvalid.Message))
		for _, f := range bad.faults {
			p.Errors = append(p.Errors, fault{Pointer: f.Pointer, Code: f.Code, Detail: l.Sentence(f.Detail, f.args...)})
		}
		return p
	}
	var refusal *domain.Error
	if !errors.As(err, &refusal) {
		refusal = refusalOf(err)
	}
	if refusal == nil {
		return newProblem(l, http.StatusInternalServerError, errInternal.Code, l.Sentence(errInternal.Message))
	}
	status, ok := statusOf[refusal.Code]
	if !ok {
		status = statusOfClass[refusal.Class]
	}
	p := newProblem(l, status, refusal.Code, l.Sentence(cmp.Or(refusal.Format, refusal.Message), refusal.Args...))
	if refusal.Field != "" {
		p.Errors = []fault{{Pointer: refusal.Field, Code: refusal.Code, Detail: p.Detail}}
	}
	var late behind
	if errors.As(err, &late) {
		p.Position = late.reached.String()
	}
	var past building
	if errors.As(err, &past) {
		p.retryAfter = past.left()
		p.Progress = &struct {
			Events int64   `json:"events"`
			Share  float64 `json:"share"`
		}{past.Events, past.Share}
	}
	return p
}

// refusalOf is what an error of another package means to a caller; nil if it is nobody's business but ours.
func refusalOf(err error) *domain.Error {
	if refusal := errOfProjections(err); refusal != nil {
		return refusal
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, tokens.ErrUnauthorized):
		return errUnauthorized
	case errors.Is(err, eventstore.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return domain.ErrBusy
	case errors.As(err, &connect):
		return errDatabase
	case errors.As(err, &pg) && pg.Code == "42P01": // a table of a view that does not exist yet
		return errNotReady
	case errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53")):
		return errDatabase // shutting down, connection lost, out of resources
	}
	return nil
}

func newProblem(l texts.Language, status int, code, detail string) problem {
	return problem{Type: "/problems/" + code, Title: l.Name("status", strconv.Itoa(status)), Status: status, Code: code, Detail: detail}
}

// fail answers an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody reads the answer
	}
	p := problemOf(languageOf(r.Context()), err)
	p.RequestID = requestID(r.Context())
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, errNotYet) && p.Code != errNotReady.Code && p.Code != errBuilding.Code && p.Code != errPastBusy.Code {
		s.Log.ErrorContext(r.Context(), "request failed", "request_id", p.RequestID, "method", r.Method, "route", template(r), "code", p.Code, "err", err)
	}
	if p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized {
		s.Log.InfoContext(r.Context(), "request refused", "request_id", p.RequestID, "method", r.Method, "route", template(r), "code", p.Code)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(p.retryAfter, 1)))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="avportal"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has gone if this fails
}
