package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/eventstore"
	"avportal/http/api/actionlog"
	"avportal/projections"
)

// call is a request that was admitted.
type call struct {
	*endpoint
	caller
	origin           string // the portal's address as the caller has it
	address, browser string // where the request comes from, and what the browser calls itself
	at               time.Time
	after            eventstore.Position // what the answer to a read must contain
	asOf             *projections.When   // nil: the present

	stillAllowed func(context.Context) error // asks again who calls, for answers that take long

	actors *actionlog.Actors // that the answer has looked up

	command     uuid.UUID
	fingerprint string
	expected    *eventstore.Revision
}

type callKey struct{}

// callOf is the admitted request that a handler works on. Without admit before it, the handler panics, and so refuses.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func newCall(r *http.Request, e *endpoint, who caller, now time.Time, body []byte) (*call, error) {
	c := &call{endpoint: e, caller: who, origin: originOf(r), address: addressOf(r).String(), browser: r.UserAgent(), at: now, command: uuid.New()}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		c.command = commandID(c.actor, r.Method, r.URL.EscapedPath(), key)
		c.fingerprint = fingerprint(key, r.URL.RawQuery, body)
	}
	if match := r.Header.Get("If-Match"); match != "" {
		n, err := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
		if err != nil {
			return nil, invalidRequest("If-Match", "pattern", "This is not a revision.")
		}
		revision := eventstore.Revision(n)
		c.expected = &revision
	}
	if after := r.Header.Get("Portal-After"); after != "" {
		var err error
		if c.after, err = eventstore.ParsePosition(after); err != nil {
			return nil, invalidRequest("Portal-After", "pattern", "This is not a position.")
		}
	}
	if moment := r.URL.Query().Get("as_of"); moment != "" {
		w, err := projections.ParseWhen(moment)
		if err != nil {
			return nil, invalidRequest("as_of", "format", "This is neither a time such as 2026-05-03T12:00:00Z nor a position of the log.")
		}
		c.asOf = &w
	}
	return c, nil
}

// commandID names an intent by who has it, for what, and the key that he chose, so that nobody can meet another's intent.
func commandID(a domain.Actor, method, path, key string) uuid.UUID {
	name := strings.Join([]string{string(a.Tenant), string(a.Kind), a.ID, method, path, key}, "\x00") // 0 is in none of them
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name))
}

// fingerprint tells whether a key comes again with the same request. It stands in the log, so it must not help who guesses at
// personal data in the body: the idempotency key, which is stored nowhere, is its key too.
func fingerprint(key, query string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(query))
	h.Write([]byte{0})
	h.Write(body)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// request is the command's request that the call stands for.
func (c *call) request() commands.Request {
	return commands.Request{Actor: c.actor, At: c.at, ID: c.command, Fingerprint: c.fingerprint, Expected: c.expected}
}

// scope is how far the caller sees.
func (c *call) scope() domain.Scope {
	return domain.Scope{Tenant: c.actor.Tenant, Customer: c.actor.Customer}
}

func replay(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
