package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"avportal/domain"
)

// slot is one place in a request where an id of somebody's object can stand.
type slot struct {
	where string // path, query or body
	name  string
	kind  string // of objects
}

// TestWhoMayReachWhat goes through every route, role and object: own ones work where the role allows it; a sibling customer's and a
// foreign reseller's can't be told from what is not there, byte by byte, wherever in the request they stand; and roles that a route
// is not for are told the same whatever they ask for. Nothing of that changes the log.
func TestWhoMayReachWhat(t *testing.T) {
	p := start(t)
	objects := p.objects()
	tokens := map[rune]string{}
	for letter, r := range roles {
		of := tenant
		if r.role == domain.Operator {
			of = ""
		}
		tokens[letter] = p.token(r.role, of, r.customer)
	}
	p.waitForJobs()
	m := matrix{portal: p, objects: objects, tokens: tokens}
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	check(t, err)
	documented := map[string]bool{}
	for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} { // what is removed is removed last
		for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
			if op := doc.Paths.Value(path).GetOperation(method); op != nil {
				route := method + " " + path
				documented[route] = true
				if may, ok := whoMay[route]; ok {
					m.route(method, path, op, may)
				} else {
					t.Errorf("%s has no row in whoMay", route)
				}
			}
		}
	}
	for route := range whoMay {
		if !documented[route] {
			t.Errorf("whoMay has a row for %s, which is no route", route)
		}
	}
	t.Logf("%d cells", m.cells)
}

type matrix struct {
	*portal
	objects map[string]object
	tokens  map[rune]string
	cells   int
}

func (m *matrix) route(method, path string, op *openapi3.Operation, may string) {
	if may == forStrangers {
		return
	}
	slots := m.slots(path, op)
	for _, letter := range "atrckuo" {
		token := m.tokens[letter]
		if !strings.ContainsRune(may, letter) {
			m.forbidden(letter, token, method, path, op, slots)
			continue
		}
		if method != "DELETE" || rune(may[0]) == letter { // the others would find it gone
			status, answer := m.ask(token, method, path, op, slots, nil)
			if status == 401 || status == 403 || status == 404 || status >= 500 {
				m.Errorf("%c: %s %s: what is the caller's own answers %s", letter, method, path, answer)
			}
			if status == http.StatusAccepted || path == "/reseller/conversion" { // whose answer lists jobs
				m.waitForJobs()
			}
			m.ownOnly(letter, method, path, answer)
		}
		for i, s := range slots {
			o := m.objects[s.kind]
			foreign := []string{o.foreign}
			if roles[letter].customer != "" {
				foreign = append(foreign, o.sibling)
			}
			for _, id := range foreign {
				if id != "" {
					m.hidden(letter, token, method, path, op, slots, i, id)
				}
			}
		}
	}
}

// ownOnly finds names and ids of others in what a caller gets.
func (m *matrix) ownOnly(letter rune, method, path, answer string) {
	words := []string{`"b1"`, `"lb"`, "lb.", "ALIEN-1", "Customer b1", "License lb", m.objects["devices"].foreign, m.objects["jobs"].foreign}
	if roles[letter].customer != "" {
		words = append(words, `"c2"`, `"c3"`, `"l2"`, "l2.", "NB-1", "OLD-1", "Customer c2", "License l2", m.objects["devices"].sibling, m.objects["jobs"].sibling)
	}
	for _, word := range words {
		if strings.Contains(answer, word) {
			m.Errorf("%c: %s %s tells of %s: %s", letter, method, path, word, answer)
		}
	}
}

// hidden compares the answer for a foreign id in one slot, or, in a path, in all of them, with that for one that is not there.
func (m *matrix) hidden(letter rune, token, method, path string, op *openapi3.Operation, slots []slot, i int, id string) {
	m.cells++
	before := m.head()
	answers := [2]string{}
	for n, pick := range []func(object) string{
		func(o object) string {
			if id == m.objects[slots[i].kind].foreign {
				return o.foreign
			}
			return o.sibling
		},
		func(o object) string { return o.missing },
	} {
		status, answer := m.ask(token, method, path, op, slots, func(k int) func(object) string {
			if k == i || slots[i].where == "path" && slots[k].where == "path" {
				return pick
			}
			return nil
		})
		if method != "GET" && status < 300 && !strings.HasPrefix(path, "/tokens") {
			m.Errorf("%c: %s %s with %s of somebody else is carried out: %s", letter, method, path, slots[i].name, answer)
		}
		answers[n] = answer
	}
	if answers[0] != answers[1] {
		m.Errorf("%c: %s %s with %s %s: a foreign one answers\n%s\none that is not there\n%s", letter, method, path, slots[i].where, slots[i].name, answers[0], answers[1])
	}
	if m.head() != before {
		m.Errorf("%c: %s %s with a foreign %s has changed the log", letter, method, path, slots[i].name)
	}
}

// forbidden holds that a role is refused alike, whatever it asks for.
func (m *matrix) forbidden(letter rune, token, method, path string, op *openapi3.Operation, slots []slot) {
	before := m.head()
	first := ""
	for _, pick := range []func(object) string{nil, func(o object) string { return o.sibling }, func(o object) string { return o.foreign }, func(o object) string { return o.missing }} {
		m.cells++
		status, answer := m.ask(token, method, path, op, slots, func(int) func(object) string { return pick })
		if status != 403 {
			m.Errorf("%c: %s %s answers %s, want 403", letter, method, path, answer)
		}
		if first == "" {
			first = answer
		}
		if answer != first {
			m.Errorf("%c: %s %s tells what there is to who may not use it: %s, %s", letter, method, path, first, answer)
		}
	}
	if m.head() != before {
		m.Errorf("%c: %s %s was refused and has changed the log", letter, method, path)
	}
}
