package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"

	"avportal/domain"
	"avportal/domain/license"
	"avportal/eventstore"
)

// answer is a response that was held against the document.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// request sends a request with a JSON body (a string is sent as it is) and further headers, name and value by turns.
func (p *portal) request(token, method, path string, body any, headers ...string) answer {
	p.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		check(p, err)
		reader = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(p.Context(), method, p.server.URL+path, reader)
	check(p, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.server.Client().Do(r)
	check(p, err)
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	a.raw, err = io.ReadAll(res.Body)
	check(p, err)
	if kind := res.Header.Get("Content-Type"); len(a.raw) > 0 && strings.Contains(kind, "json") && kind != "application/x-ndjson" {
		check(p, json.Unmarshal(a.raw, &a.body))
	}
	p.conforms(r, a)
	return a
}

// conforms holds an answer against the document: also problems, and also those of addresses that there are not.
func (p *portal) conforms(r *http.Request, a answer) {
	p.Helper()
	if a.header.Get("Content-Type") == "application/problem+json" && len(a.raw) > 0 {
		if err := p.schema.VisitJSON(any(a.body)); err != nil {
			p.Errorf("%s %s: the problem is none: %v\n%s", r.Method, r.URL, err, a.raw)
		}
		if a.status != int(a.body["status"].(float64)) || a.body["request_id"] != a.header.Get("X-Request-Id") {
			p.Errorf("%s %s: status and request id differ from the head: %s", r.Method, r.URL, a.raw)
		}
	}
	if a.header.Get("X-Request-Id") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		p.Errorf("%s %s: the security headers are missing: %v", r.Method, r.URL, a.header)
	}
	r.URL.Host, r.URL.Scheme, r.Host = "", "", ""
	route, params, err := p.routes.FindRoute(r)
	if err != nil {
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(a.raw)
	if err := openapi3filter.ValidateResponse(p.Context(), input); err != nil {
		p.Errorf("%s %s: the answer is not as documented: %v\n%s", r.Method, r.URL, err, a.raw)
	}
}

// must sends a request that succeeds with the given status.
func (p *portal) must(status int, token, method, path string, body any, headers ...string) answer {
	p.Helper()
	a := p.request(token, method, path, body, headers...)
	if a.status != status {
		p.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.raw)
	}
	return a
}

// refused sends a request that must be refused with a status and code, and leave nothing behind in the log.
func (p *portal) refused(status int, code, token, method, path string, body any, headers ...string) answer {
	p.Helper()
	before := p.head()
	a := p.request(token, method, path, body, headers...)
	if a.status != status || a.body["code"] != code {
		p.Errorf("%s %s: %d %v, want %d %s: %s", method, path, a.status, a.body["code"], status, code, a.raw)
	}
	if after := p.head(); after != before {
		p.Errorf("%s %s: was refused, yet the log went from %s to %s", method, path, before, after)
	}
	return a
}

func (p *portal) head() eventstore.Position {
	p.Helper()
	at, err := p.store.Head(p.Context())
	check(p, err)
	return at
}

// caughtUp is the header that makes a read contain everything that is in the log.
func (p *portal) caughtUp() (string, string) { return "Portal-After", p.head().String() }

// list is the items of an answer.
func list(a answer) []map[string]any {
	items, _ := a.body["items"].([]any)
	out := make([]map[string]any, len(items))
	for i, item := range items {
		out[i] = item.(map[string]any)
	}
	return out
}

// at goes down into an answer by names.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func activate(l domain.LicenseID, d domain.DeviceID) domain.Command[license.State] {
	return license.Activate{Tenant: tenant, License: l, Device: d, Group: domain.NewGroupID(l, "main"), ByDevice: true, At: time.Now()}
}

func count(events iter.Seq2[eventstore.Recorded, error]) (n int, err error) {
	for _, err := range events {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
