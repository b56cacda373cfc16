package client

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// Verdict is what an answer means to the device; the table stands in package wire.
type Verdict int

// Verdicts.
const (
	Accepted  Verdict = iota
	Later             // try again
	Rejected          // this will never be accepted
	NotKnown          // the credential is not known
	Forbidden         // not now: an expired license
	Removed           // the device was removed
)

// Judge says what the error of a call means.
func Judge(err error) Verdict {
	if err == nil {
		return Accepted
	}
	var r *Refusal
	if !errors.As(err, &r) {
		return Later
	}
	if r.Status == http.StatusRequestEntityTooLarge {
		return Rejected // also from a proxy: the next attempt would be as large
	}
	if r.Problem.Code == "" {
		return Later
	}
	switch r.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusConflict:
		return Rejected
	case http.StatusUnauthorized:
		return NotKnown
	case http.StatusForbidden:
		return Forbidden
	case http.StatusGone:
		return Removed
	}
	return Later
}

// Backoff is how long to wait between attempts.
type Backoff struct {
	// Min and Max bound the wait; Rare is the wait after a refusal that only a person can lift.
	Min, Max, Rare time.Duration

	failures int
}

// DefaultBackoff begins with a second and ends with five minutes. Half of each wait is chance, so that a fleet that lost
// its portal at one moment does not come back at one.
func DefaultBackoff() Backoff {
	return Backoff{Min: time.Second, Max: 5 * time.Minute, Rare: 5 * time.Minute}
}

// Reset is for a success.
func (b *Backoff) Reset() { b.failures = 0 }

// Next is the wait after a failure. The portal's own wish comes first, with some chance added, never taken off.
func (b *Backoff) Next(err error) time.Duration {
	var r *Refusal
	if errors.As(err, &r) && r.RetryAfter > 0 {
		return r.RetryAfter + rand.N(r.RetryAfter/4+time.Second)
	}
	if v := Judge(err); v == NotKnown || v == Forbidden {
		return half(b.Rare)
	}
	d := b.Max
	if b.failures < 30 {
		d = min(b.Max, b.Min<<b.failures)
	}
	b.failures++
	return half(d)
}

// half keeps half of the wait and leaves the other half to chance.
func half(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
