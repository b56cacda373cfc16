package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/notice"
)

// Whoever pages through a list sees each entry that was there all the time once, whatever comes and goes meanwhile. A list that
// the document gains fails here until it is told how it changes.
func TestEveryListIsPagedWhileItChanges(t *testing.T) {
	p := start(t)
	f := p.fleet()
	d := "/api/v1/devices/" + string(f.devices[0])
	edited := p.profile(p.admin, map[string]any{"name": "Edited", "owner": "c1"})
	activity := p.must(202, p.admin, "POST", d+"/scan", map[string]any{"profile": "quick"}).body["request"].(string)
	job := p.must(202, p.admin, "POST", "/api/v1/devices/update", map[string]any{"devices": append(f.devices, f.beside)}).body["id"].(string)
	var replaced domain.DeviceID
	// Names come before, between and after those that are there.
	name := func(i int) string { return fmt.Sprintf("%c%03d", 'a'+(i*7)%26, i) }
	changes := map[string]func(i int){
		"/customers": func(i int) {
			p.license(tenant, domain.CustomerID(name(i)), domain.LicenseID("c"+name(i)), 3, p.clock().AddDate(1, 0, 0))
		},
		"/licenses": func(i int) { p.license(tenant, "c1", domain.LicenseID(name(i)), 3, p.clock().AddDate(1, 0, i)) },
		"/groups": func(i int) {
			p.must(201, p.admin, "POST", "/api/v1/groups", map[string]any{"license": "l1", "parent": "l1.main", "name": name(i)})
		},
		"/profiles": func(i int) { p.profile(p.admin, map[string]any{"name": name(i), "owner": "c1"}) },
		"/profiles/{id}/editions": func(i int) {
			s, _ := p.settings(edited)
			s["exclusions"] = map[string]any{"paths": []string{"/" + name(i)}, "processes": []string{}, "max_file_mb": 0}
			p.must(200, p.admin, "PUT", "/api/v1/profiles/"+edited+"/settings", s)
		},
		"/devices": func(i int) {
			if replaced != "" {
				p.must(200, p.admin, "DELETE", "/api/v1/devices/"+string(replaced), nil)
			}
			if id := p.enroll(tenant, "l1", name(i), p.clock()); i >= 5 {
				replaced = id
			}
		},
		"/devices/{id}/history": func(i int) { p.must(200, p.admin, "PATCH", d, map[string]any{"label": name(i)}) },
		"/notices": func(int) {
			p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c1", License: "l1"}, notice.Facts{Name: "Praxis", Seats: 5, Used: 5})
		},
		"/jobs": func(int) {
			p.must(202, p.admin, "POST", "/api/v1/devices/update", map[string]any{"devices": f.devices[1:]})
		},
		"/jobs/{id}/results": func(int) {}, // of a job that has ended
		"/activities":        func(i int) { p.must(200, p.admin, "PATCH", d, map[string]any{"label": "log " + name(i)}) },
		"/activities/{id}": func(i int) { // the device tells, and it belongs to what it was asked for
			p.say(f.devices[0], uuid.MustParse(activity), device.Report{
				Tenant: tenant, Device: f.devices[0], Guards: device.Guards{Engine: [2]device.Guard{device.On, device.Off}[i%2]}, At: p.clock(),
			})
		},
		"/users":  func(i int) { p.invite(p.admin, name(i)+"@huber.example", "customer_readonly", "c1") },
		"/tokens": func(int) { p.token(domain.ResellerReadOnly, tenant, "") },
	}
	ids := map[string]string{"/profiles/{id}/editions": edited, "/devices/{id}/history": string(f.devices[0]), "/jobs/{id}/results": job, "/activities/{id}": activity}
	p.await("/api/v1/jobs/"+job, func(a answer) bool { return a.body["state"] == "finished" })
	for path, op := range paged(t) {
		change := changes[path]
		if change == nil {
			t.Errorf("nobody says how %s changes", path)
			continue
		}
		delete(changes, path)
		t.Run(op, func(t *testing.T) {
			all := p.T
			p.T = t
			defer func() { p.T = all }()
			for i := range 5 {
				change(i)
			}
			p.pagesThrough("/api/v1"+strings.Replace(path, "{id}", url.PathEscape(ids[path]), 1), func(i int) { change(5 + i) })
		})
	}
	for path := range changes {
		t.Errorf("%s is not paged", path)
	}
}

// paged are the paths of the document that answer in pages, and what their operations are called.
func paged(t *testing.T) map[string]string {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	check(t, err)
	out := map[string]string{}
	for path, item := range doc.Paths.Map() {
		if item.Get != nil && item.Get.Parameters.GetByInAndName("query", "cursor") != nil {
			out[path] = item.Get.OperationID
		}
	}
	if len(out) < 10 {
		t.Fatalf("the document has only the lists %v", out)
	}
	return out
}

// pagesThrough goes from page to page of two, and lets the list change after each.
func (p *portal) pagesThrough(path string, change func(i int)) {
	p.Helper()
	key := func(item map[string]any) string {
		for _, field := range []string{"id", "edition"} {
			if v, ok := item[field]; ok {
				return fmt.Sprint(v)
			}
		}
		text, _ := json.Marshal(item)
		return string(text)
	}
	read := func(query string) answer {
		k, v := p.caughtUp()
		return p.must(200, p.admin, "GET", path+"?"+query, nil, k, v)
	}
	entries := func(a answer) []map[string]any {
		if events, ok := a.body["events"].(map[string]any); ok { // of one activity
			return list(answer{body: events})
		}
		return list(a)
	}
	next := func(a answer) string {
		if events, ok := a.body["events"].(map[string]any); ok {
			a.body = events
		}
		cursor, _ := a.body["next_cursor"].(string)
		return cursor
	}
	var stayed []string
	for _, item := range entries(read("limit=200")) {
		stayed = append(stayed, key(item))
	}
	if len(stayed) < 3 {
		p.Fatalf("only %d entries", len(stayed))
	}
	seen, query := map[string]int{}, "limit=2"
	for i := 0; ; i++ {
		a := read(query)
		for _, item := range entries(a) {
			seen[key(item)]++
		}
		cursor := next(a)
		if cursor == "" {
			break
		}
		if i > 100 {
			p.Fatal("the list does not end")
		}
		query = "limit=2&cursor=" + url.QueryEscape(cursor)
		change(i)
	}
	for _, id := range stayed {
		if seen[id] != 1 {
			p.Errorf("%s was there all the time, and came %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 {
			p.Errorf("%s came %d times", id, n)
		}
	}
}
