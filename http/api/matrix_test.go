package api_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/notice"
)

// forStrangers marks routes that are for whoever proves himself by the request's body.
const forStrangers = "-"

// whoMay has a row for every route of the document: the roles that may use it, by their letters in roles. A route without a row
// fails the test. What lies in its path, query and body is found out by the names of parameters; see objects.
var whoMay = map[string]string{
	"GET /me":                      "atrckuo",
	"GET /me/sessions":             "atrckuo",
	"DELETE /me/sessions":          "atrckuo",
	"DELETE /me/sessions/{id}":     "atrckuo",
	"GET /me/credentials":          "atrckuo",
	"PUT /me/password":             "atrckuo",
	"POST /me/totp":                "atrckuo",
	"POST /me/totp/confirm":        "atrckuo",
	"POST /me/totp/disable":        "atrckuo",
	"POST /me/totp/recovery-codes": "atrckuo",
	"POST /session":                forStrangers,
	"GET /session":                 "atrckuo",
	"GET /session/organisations":   "atrckuo",
	"POST /session/organisation":   "atrckuo",
	"POST /invitations/look-up":    forStrangers,
	"POST /invitations/accept":     forStrangers,
	"DELETE /session":              "atrckuo",

	"GET /names":     "atrckuo",
	"GET /events":    "atrck",
	"GET /dashboard": "atrck",

	"GET /customers":                  "atrck",
	"POST /customers":                 "a",
	"GET /customers/{id}":             "atrck",
	"GET /customers/{id}/log-consent": "atrck",
	"PUT /customers/{id}/log-consent": "c",
	"PATCH /customers/{id}":           "a",

	"GET /licenses":               "atrck",
	"GET /licenses/export":        "atrck",
	"POST /licenses":              "a",
	"GET /licenses/{id}":          "atrck",
	"GET /licenses/{id}/download": "atc",
	"PATCH /licenses/{id}":        "a",
	"POST /licenses/{id}/renew":   "a",
	"POST /licenses/{id}/refresh": "atc",

	"GET /groups":         "atrck",
	"POST /groups":        "atc",
	"PATCH /groups/{id}":  "atc",
	"DELETE /groups/{id}": "atc",

	"PUT /groups/{id}/profile":   "atc",
	"POST /groups/{id}/transmit": "atc",

	"GET /profiles":                         "atrck",
	"POST /profiles":                        "atc",
	"GET /profiles/{id}":                    "atrck",
	"PATCH /profiles/{id}":                  "atc",
	"DELETE /profiles/{id}":                 "atc",
	"PUT /profiles/{id}/settings":           "atc",
	"POST /profiles/{id}/clone":             "atc",
	"POST /profiles/{id}/transmit":          "atc",
	"GET /profiles/{id}/editions":           "atrck",
	"GET /profiles/{id}/editions/{edition}": "atrck",
	"GET /profiles/{id}/differences":        "atrck",
	"POST /profiles/{id}/restore":           "atc",

	"GET /devices":                               "atrck",
	"GET /devices/export":                        "atrck",
	"POST /devices/move":                         "atc",
	"POST /devices/scan":                         "atc",
	"POST /devices/update":                       "atc",
	"POST /devices/transmit":                     "atc",
	"POST /devices/label":                        "atc",
	"POST /devices/remove":                       "atc",
	"POST /devices/{id}/transmit":                "atc",
	"GET /devices/{id}":                          "atrck",
	"PATCH /devices/{id}":                        "atc",
	"DELETE /devices/{id}":                       "atc",
	"POST /devices/{id}/scan":                    "atc",
	"POST /devices/{id}/update":                  "atc",
	"DELETE /devices/{id}/requests/{request_id}": "atc",
	"POST /devices/{id}/log":                     "atc",
	"GET /devices/{id}/logs":                     "atc",
	"GET /devices/{id}/logs/{log_id}":            "atc",
	"GET /devices/{id}/history":                  "atcu",

	"GET /notices":            "atrck",
	"GET /notices/summary":    "atrck",
	"POST /notices/read":      "atrck",
	"POST /notices/{id}/read": "atrck",

	"GET /jobs":              "atrck",
	"GET /jobs/{id}":         "atrck",
	"GET /jobs/{id}/results": "atrck",
	"POST /jobs/{id}/undo":   "atc",

	"GET /activities":        "atcu",
	"GET /activities/export": "atcu",
	"GET /activities/{id}":   "atcu",
	"GET /audit/events":      "atu",

	"GET /reseller":   "atr",
	"PATCH /reseller": "a",
	"POST /resellers": "o",

	"GET /reseller/conversion":  "atr",
	"POST /reseller/conversion": "a",

	"GET /reseller/sync":  "atr",
	"POST /reseller/sync": "at",

	"GET /users":                  "ac",
	"POST /users":                 "ac",
	"GET /users/{id}":             "ac",
	"PATCH /users/{id}":           "ac",
	"DELETE /users/{id}":          "ac",
	"POST /users/{id}/resend":     "ac",
	"POST /users/{id}/deactivate": "ac",
	"POST /users/{id}/reactivate": "ac",

	"GET /me/profile":          "atrcku",
	"PATCH /me/profile":        "atrcku",
	"GET /me/filters":          "atrcku",
	"POST /me/filters":         "atrcku",
	"PATCH /me/filters/{id}":   "atrcku",
	"DELETE /me/filters/{id}":  "atrcku",
	"POST /me/readonly-link":   "atrck",
	"DELETE /me/readonly-link": "atrcku",

	"GET /readonly/{secret}/dashboard": "atrckuo", // and whoever has the link
	"GET /readonly/{secret}/qr":        "atrckuo",

	"GET /projections":                                "o",
	"GET /projections/as-of":                          "o",
	"POST /projections/as-of":                         "o",
	"DELETE /projections/as-of/{name}":                "o",
	"POST /projections/policies/{policy}/quarantine":  "o",
	"POST /projections/policies/{policy}/rewind":      "o",
	"GET /projections/{view}":                         "o",
	"GET /projections/{view}/progress":                "o",
	"POST /projections/{view}/quarantine":             "o",
	"POST /projections/{view}/{task}":                 "o",
	"DELETE /projections/{view}/generations/{schema}": "o",

	"GET /tokens":         "a",
	"POST /tokens":        "a",
	"DELETE /tokens/{id}": "a",
}

// roles are the callers of the matrix. Those with a customer belong to c1.
var roles = map[rune]struct {
	role     domain.Role
	customer domain.CustomerID
}{
	'a': {domain.ResellerAdmin, ""}, 't': {domain.ResellerTechnician, ""}, 'r': {domain.ResellerReadOnly, ""},
	'c': {domain.CustomerAdmin, "c1"}, 'k': {domain.CustomerReadOnly, "c1"}, 'u': {domain.Auditor, ""}, 'o': {domain.Operator, ""},
}

// object is the id of the same kind of thing at four places.
type object struct{ own, sibling, foreign, missing string }

// objects are what stands in paths, queries and bodies, by the name of the parameter or property, or by the segment of the path
// before it. A new kind of object is one line.
func (p *portal) objects() map[string]object {
	p.Helper()
	f := p.fleet()
	check(p, p.sub(tenant, "l1"))
	check(p, p.sub(tenant, "l2"))
	check(p, p.sub(foreign, "lb"))
	own, sibling, alien := string(f.devices[0]), string(f.beside), string(f.stranger)
	admins := map[string]string{own: p.token(domain.CustomerAdmin, tenant, "c1"), sibling: p.token(domain.CustomerAdmin, tenant, "c2"), alien: p.token(domain.ResellerAdmin, foreign, "")}
	each := func(do func(device, token string) string) object {
		return object{do(own, admins[own]), do(sibling, admins[sibling]), do(alien, admins[alien]), uuid.NewString()}
	}
	devices := object{own, sibling, alien, "gone"}
	customers, licenses := object{"c1", "c2", "b1", "nobody"}, object{"l1", "l2", "lb", "none"}
	groups := object{"l1.sub", "l2.sub", "lb.sub", "none.sub"}
	requests := each(func(device, token string) string {
		return p.must(202, token, "POST", "/api/v1/devices/"+device+"/update", nil).body["request"].(string)
	})
	for of, c := range map[domain.Tenant][]domain.CustomerID{tenant: {"c1", "c2"}, foreign: {"b1"}} {
		for _, customer := range c {
			p.consent(of, customer, true)
		}
	}
	logs := object{missing: uuid.NewString()}
	for id, at := range map[*string]struct {
		of domain.Scope
		d  domain.DeviceID
	}{
		&logs.own: {domain.Scope{Tenant: tenant, Customer: "c1"}, f.devices[0]}, &logs.sibling: {domain.Scope{Tenant: tenant, Customer: "c2"}, f.beside},
		&logs.foreign: {domain.Scope{Tenant: foreign, Customer: "b1"}, f.stranger},
	} {
		*id = uuid.NewString()
		check(p, p.logs.Keep(p.Context(), at.of, at.d, device.RequestID(*id), time.Now(), []byte("x")))
	}
	jobs := each(func(device, token string) string {
		return p.must(202, token, "POST", "/api/v1/devices/update", map[string]any{"devices": []string{device}}).body["id"].(string)
	})
	tokens := object{own: p.tokenID(p.token(domain.Auditor, tenant, "")).String(), foreign: p.tokenID(p.token(domain.Auditor, foreign, "")).String(), missing: uuid.NewString()}
	filters := object{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()}  // tokens have none; see TestFiltersAreOnesOwn
	sessions := object{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()} // those of others; see TestSessionsOverHTTP
	users := object{
		own:     string(p.invite(p.admin, "own@huber.example", "customer_admin", "c1")),
		sibling: string(p.invite(p.admin, "sibling@kern.example", "customer_admin", "c2")),
		foreign: string(p.invite(p.token(domain.ResellerAdmin, foreign, ""), "foreign@roth.example", "customer_admin", "b1")),
		missing: uuid.NewString(),
	}
	profiles := object{
		p.profile(p.admin, map[string]any{"name": "x", "owner": "c1"}), p.profile(p.admin, map[string]any{"name": "x", "owner": "c2"}),
		p.profile(admins[alien], map[string]any{"name": "x"}), uuid.NewString(),
	}
	operator := p.token(domain.Operator, "", "")
	moment := p.must(202, operator, "POST", projectionsPath+"/as-of", map[string]any{"at": p.head().String()}).body["name"].(string)
	p.must(202, operator, "POST", projectionsPath+"/devices/verify", nil)
	p.finished(operator, "devices")
	told := func(of domain.Tenant, c domain.CustomerID) string {
		return p.tell(of, domain.NoticeSeatsUsedUp, notice.Subject{Customer: c}, notice.Facts{Name: "Customer " + string(c)})
	}
	notices := object{told(tenant, "c1"), told(tenant, "c2"), told(foreign, "b1"), uuid.NewString()}
	return map[string]object{
		"notices": notices, "notice": notices,
		// Read models are nobody's, and only who runs the installation works on them.
		"projections": {own: "devices"}, "generations": {own: "devices"}, "policies": {own: "run%20job"}, "of": {own: moment},
		"sessions": sessions, "filters": filters,
		"users": users, "secret": {own: p.openLink()},
		"customers": customers, "customer": customers, "licenses": licenses, "license": licenses, "groups": groups, "group": groups, "parent": groups,
		"profiles": profiles, "editions": {"1", "1", "1", "9"},
		"devices": devices, "device": devices, "request_id": requests, "log_id": logs, "jobs": jobs, "activities": requests, "tokens": tokens,
	}
}

func (p *portal) sub(t domain.Tenant, l domain.LicenseID) error {
	_, err := commands.Do[group.State](p.Context(), p.h, p.as(t), group.Create{Tenant: t, Group: domain.NewGroupID(l, "sub"), Parent: domain.NewGroupID(l, "main"), Name: "Sub", At: time.Now()})
	return err
}

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
	r, err := http.NewRequestWithContext(ctx, "GET", m.server.URL+url, nil)
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
