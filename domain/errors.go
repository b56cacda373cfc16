package domain

import (
	"errors"
	"fmt"
)

// Class says what kind of refusal an error is; the HTTP layer maps it to a status.
type Class int

// The classes of refusals.
const (
	Invalid     Class = iota + 1 // the request itself is wrong
	Forbidden                    // the actor may not do this
	NotFound                     // there is no such thing within the actor's reach
	Conflict                     // the present state does not allow it
	Stale                        // the caller's expected revision has passed
	Reused                       // an idempotency key came again with another body
	Unavailable                  // try again later
)

// Error is a refusal that a person can act on: a stable code for machines and a sentence for people.
// Everything that is not an *Error is internal and only logged.
type Error struct {
	Class   Class
	Code    string // stable, snake_case, documented in the API
	Message string // a sentence in English
	Field   string // the field at fault, as a JSON pointer into the request, if there is one

	// Format and Args are what Message was made of, for other languages; empty if Message is the sentence as it stands.
	Format string
	Args   []any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is makes errors.Is compare codes, so that a refusal with its own wording still is the refusal.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// With returns the same refusal with another sentence, made like that of fmt.Sprintf. The format must be a constant: it is
// the key by which the sentence is found in other languages.
func (e *Error) With(format string, args ...any) *Error {
	c := *e
	c.Message, c.Format, c.Args = fmt.Sprintf(format, args...), format, args
	return &c
}

// At returns the same refusal, naming the field at fault.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Refusals that concern every aggregate. Packages below declare their own beside the rule.
var (
	ErrNotFound       = &Error{Class: NotFound, Code: "not_found", Message: "There is no such object."}
	ErrForbidden      = &Error{Class: Forbidden, Code: "forbidden", Message: "Your role does not allow this action."}
	ErrInvalid        = &Error{Class: Invalid, Code: "invalid", Message: "The request is not valid."}
	ErrExists         = &Error{Class: Conflict, Code: "already_exists", Message: "An object with this id exists already."}
	ErrStale          = &Error{Class: Stale, Code: "stale_revision", Message: "The object has changed since you read it. Read it again and repeat."}
	ErrKeyReused      = &Error{Class: Reused, Code: "idempotency_key_reused", Message: "This Idempotency-Key was used with another request."}
	ErrLicenseExpired = &Error{Class: Conflict, Code: "license_expired", Message: "The license has expired. Renew it, then repeat the action."}
	ErrBusy           = &Error{Class: Unavailable, Code: "unavailable", Message: "The event store can't be reached right now. Nothing was changed as far as is known; repeat with the same Idempotency-Key."}
)
