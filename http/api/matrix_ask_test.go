package api_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"avportal/domain"
)

var parameter = regexp.MustCompile(`([a-z]+)/\{([a-z_]+)\}`)

// slots finds where in a request ids of objects stand.
func (m *matrix) slots(path string, op *openapi3.Operation) (out []slot) {
	for _, match := range parameter.FindAllStringSubmatch(path, -1) {
		kind := match[1]
		if _, known := m.objects[match[2]]; known {
			kind = match[2]
		}
		if _, known := m.objects[kind]; !known {
			m.Fatalf("%s: objects has no %q", path, kind)
		}
		out = append(out, slot{"path", match[2], kind})
	}
	for _, q := range op.Parameters {
		if _, known := m.objects[q.Value.Name]; known && q.Value.In == "query" {
			out = append(out, slot{"query", q.Value.Name, q.Value.Name})
		}
	}
	if op.RequestBody != nil {
		for _, name := range slices.Sorted(maps.Keys(exampleOf(op))) {
			if _, known := m.objects[name]; known {
				out = append(out, slot{"body", name, name})
			}
		}
	}
	return out
}

// exampleOf is the example of an operation's body.
func exampleOf(op *openapi3.Operation) map[string]any {
	body, _ := op.RequestBody.Value.Content.Get("application/json").Example.(map[string]any)
	return maps.Clone(body)
}

// ask sends the request of a route with the caller's own objects, but for the slots that swap has others for, and gives the status
// and the answer without what differs each time.
func (m *matrix) ask(token, method, path string, op *openapi3.Operation, slots []slot, swap func(int) func(object) string) (int, string) {
	m.Helper()
	var query []string
	var used []string
	var body any
	if op.RequestBody != nil {
		body = exampleOf(op)
	}
	for i, s := range slots {
		o := m.objects[s.kind]
		id, swapped := o.own, false
		if swap != nil {
			if pick := swap(i); pick != nil {
				if other := pick(o); other != "" {
					id, swapped = other, true
				}
			}
		}
		if swapped {
			used = append(used, id)
		}
		switch s.where {
		case "path":
			path = strings.Replace(path, "{"+s.name+"}", id, 1)
		case "query":
			if swapped {
				query = append(query, s.name+"="+id)
			}
		case "body":
			fields := body.(map[string]any)
			if _, list := fields[s.name].([]any); list {
				fields[s.name] = []string{id}
			} else {
				fields[s.name] = id
			}
		}
	}
	for _, q := range op.Parameters {
		if q.Value.Required && q.Value.In == "query" {
			some := any(1)
			if values := q.Value.Schema.Value.Enum; len(values) > 0 {
				some = values[0]
			}
			query = append(query, fmt.Sprint(q.Value.Name, "=", some))
		}
	}
	url := "/api/v1" + path
	if query != nil {
		url += "?" + strings.Join(query, "&")
	}
	if path == "/events" {
		return m.begun(token, url), "an endless answer"
	}
	a := m.request(token, method, url, body)
	text := idOfRequest.ReplaceAllString(string(a.raw), "")
	text = regexp.MustCompile(`"(scanned_to|at)":"[^"]*"`).ReplaceAllString(text, "")
	for _, id := range used {
		text = strings.ReplaceAll(text, id, "ID")
	}
	if kind := a.header.Get("Content-Type"); strings.Contains(kind, "sheet") {
		text = fmt.Sprint(len(a.raw) > 0)
	}
	return a.status, fmt.Sprint(a.status, " ", a.header.Get("Content-Type"), " ", text)
}

// begun is the status of an answer that does not end.
func (m *matrix) begun(token, url string) int {
	ctx, cancel := context.WithCancel(m.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.server.URL+url, nil)
	check(m, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := m.server.Client().Do(r)
	check(m, err)
	check(m, res.Body.Close())
	return res.StatusCode
}

// waitForJobs waits until what was accepted has been carried out, so that the log is at rest.
func (p *portal) waitForJobs() {
	p.Helper()
	for _, of := range []domain.Tenant{tenant, foreign} {
		token := p.token(domain.ResellerAdmin, of, "")
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			k, v := p.caughtUp()
			open := 0
			for _, job := range list(p.must(200, token, "GET", "/api/v1/jobs", nil, k, v)) {
				if job["state"] != "finished" {
					open++
				}
			}
			if open == 0 {
				break
			}
			if time.Now().After(deadline) {
				p.Fatalf("%d jobs do not finish", open)
			}
		}
	}
}
