package api_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"avportal/domain"
)

var idOfRequest = regexp.MustCompile(`"request_id":"[A-Z0-9]+"`)

// What belongs to somebody else can't be told from what is not there, byte by byte, in paths, bodies and queries.
func TestForeignIsNotExisting(t *testing.T) {
	p := start(t)
	f := p.fleet()
	abroad := p.profile(p.token(domain.ResellerAdmin, foreign, ""), map[string]any{"name": "x"})
	beside := p.profile(p.admin, map[string]any{"name": "x", "owner": "c2"})
	resellers := p.profile(p.admin, map[string]any{"name": "x"})
	own := p.profile(p.admin, map[string]any{"name": "x", "owner": "c1"})
	settings, err := json.Marshal(p.must(200, p.admin, "GET", "/api/v1/profiles/"+own+"/editions/1", nil).body)
	check(t, err)
	for who, c := range map[string]struct {
		token                                     string
		customer, license, group, device, profile string
	}{
		"another reseller":      {p.admin, "b1", "lb", "lb.main", string(f.stranger), abroad},
		"another customer":      {p.token(domain.CustomerAdmin, tenant, "c1"), "c2", "l2", "l2.main", string(f.beside), beside},
		"a customer as admin":   {p.token(domain.ResellerAdmin, tenant, "c1"), "c2", "l2", "l2.main", string(f.beside), beside},
		"the customer's seller": {p.token(domain.CustomerAdmin, tenant, "c1"), "c2", "l2", "l2.main", string(f.beside), resellers},
	} {
		mine := string(f.devices[0])
		for _, r := range []struct {
			method, path, body string
			there, missing     string
		}{
			{"GET", "/customers/%s", "", c.customer, "nobody"},
			{"PATCH", "/customers/%s", `{"name": "x"}`, c.customer, "nobody"},
			{"GET", "/dashboard?customer=%s", "", c.customer, "nobody"},
			{"GET", "/licenses/%s", "", c.license, "none"},
			{"PATCH", "/licenses/%s", `{"name": "x", "seats": 3}`, c.license, "none"},
			{"POST", "/licenses/%s/renew", `{"term_years": 1, "valid_until": "2036-01-01T00:00:00Z"}`, c.license, "none"},
			{"GET", "/groups?license=%s", "", c.license, "none"},
			{"GET", "/groups?customer=%s", "", c.customer, "nobody"},
			{"POST", "/groups", `{"license": "%s", "parent": "x.main", "name": "x"}`, c.license, "none"},
			{"PATCH", "/groups/%s", `{"name": "x"}`, c.group, "none.main"},
			{"PATCH", "/groups/%s", `{"parent": "l1.main"}`, c.group, "none.main"},
			{"DELETE", "/groups/%s", "", c.group, "none.main"},
			{"GET", "/devices?customer=%s", "", c.customer, "nobody"},
			{"GET", "/devices?license=%s&count=true", "", c.license, "none"},
			{"GET", "/devices?group=%s", "", c.group, "none.main"},
			{"GET", "/devices/%s", "", c.device, "gone"},
			{"PATCH", "/devices/%s", `{"label": "x"}`, c.device, "gone"},
			{"PATCH", "/devices/%s", `{"group": "l1.main"}`, c.device, "gone"},
			{"PATCH", "/devices/" + mine, `{"group": "%s"}`, c.group, "none.main"},
			{"DELETE", "/devices/%s", "", c.device, "gone"},
			{"POST", "/devices/%s/scan", `{"profile": "quick"}`, c.device, "gone"},
			{"POST", "/devices/%s/update", "", c.device, "gone"},
			{"DELETE", "/devices/%s/requests/x", "", c.device, "gone"},
			{"GET", "/devices/%s/history", "", c.device, "gone"},
			{"POST", "/devices/move", `{"devices": ["` + mine + `", "%s"], "group": "l1.main"}`, c.device, "gone"},
			{"POST", "/devices/move", `{"devices": ["` + mine + `"], "group": "%s"}`, c.group, "none.main"},
			{"POST", "/devices/scan", `{"devices": ["%s", "` + mine + `"], "profile": "quick"}`, c.device, "gone"},
			{"POST", "/devices/update", `{"devices": ["` + mine + `", "%s"]}`, c.device, "gone"},
			{"GET", "/activities?device=%s", "", c.device, "gone"},
			{"PUT", "/groups/%s/profile", `{"profile": "` + own + `"}`, c.group, "none.main"},
			{"PUT", "/groups/l1.main/profile", `{"profile": "%s"}`, c.profile, "none"},
			{"POST", "/groups/%s/transmit", "", c.group, "none.main"},
			{"GET", "/profiles?owner=%s", "", c.customer, "nobody"},
			{"POST", "/profiles", `{"name": "x", "owner": "%s"}`, c.customer, "nobody"},
			{"GET", "/profiles/%s", "", c.profile, "none"},
			{"PATCH", "/profiles/%s", `{"name": "y"}`, c.profile, "none"},
			{"PATCH", "/profiles/%s", `{"owner": "c1"}`, c.profile, "none"},
			{"PATCH", "/profiles/" + own, `{"owner": "%s"}`, c.customer, "nobody"},
			{"DELETE", "/profiles/%s", "", c.profile, "none"},
			{"PUT", "/profiles/%s/settings", string(settings), c.profile, "none"},
			{"POST", "/profiles/%s/clone", `{"name": "y"}`, c.profile, "none"},
			{"POST", "/profiles/%s/transmit", "", c.profile, "none"},
			{"GET", "/profiles/%s/editions", "", c.profile, "none"},
			{"GET", "/profiles/%s/editions/1", "", c.profile, "none"},
			{"GET", "/profiles/%s/differences?from=1&to=1", "", c.profile, "none"},
			{"POST", "/profiles/%s/restore", `{"edition": 1}`, c.profile, "none"},
			{"POST", "/devices/%s/transmit", "", c.device, "gone"},
			{"POST", "/devices/%s/scan", `{"profile": "own", "scan_profile": "x"}`, c.device, "gone"},
			{"POST", "/devices/transmit", `{"devices": ["` + mine + `", "%s"]}`, c.device, "gone"},
			{"POST", "/devices/label", `{"devices": ["%s"], "label": "x"}`, c.device, "gone"},
			{"POST", "/devices/remove", `{"devices": ["%s"]}`, c.device, "gone"},
			{"POST", "/jobs/%s/undo", "", "no-job", "none"},
		} {
			before := p.head()
			answers := [2]string{}
			for i, id := range []string{r.there, r.missing} {
				path, body := r.path, any(nil)
				if strings.Contains(path, "%s") {
					path = fmt.Sprintf(path, id)
				}
				if r.body != "" {
					body = strings.ReplaceAll(r.body, "%s", id)
				}
				a := p.request(c.token, r.method, "/api/v1"+path, body)
				a.raw = idOfRequest.ReplaceAll(a.raw, nil)
				answers[i] = fmt.Sprint(a.status, " ", strings.ReplaceAll(string(a.raw), id, "ID"))
			}
			if answers[0] != answers[1] {
				if c.token != p.admin && r.method != "GET" && strings.HasPrefix(answers[0], "403") {
					continue // not allowed to begin with
				}
				t.Errorf("%s: %s %s %s: a foreign one answers\n%s, one that is not there\n%s", who, r.method, r.path, r.body, answers[0], answers[1])
			}
			if strings.HasPrefix(answers[0], "2") && !strings.Contains(answers[0], `"items":[]`) {
				t.Errorf("%s: %s %s answers %s", who, r.method, r.path, answers[0])
			}
			if p.head() != before {
				t.Errorf("%s: %s %s has changed the log", who, r.method, r.path)
			}
		}
	}
}

// A foreign device at any place of a list refuses the whole.
func TestOneForeignDeviceRefusesAJob(t *testing.T) {
	p := start(t)
	f := p.fleet()
	for i := range f.devices {
		ids := append(append(append([]domain.DeviceID{}, f.devices[:i]...), f.stranger), f.devices[i:]...)
		p.refused(404, "not_found", p.admin, "POST", "/api/v1/devices/scan", map[string]any{"devices": ids, "profile": "quick"})
	}
}

func TestCursorsOfOthers(t *testing.T) {
	p := start(t)
	p.fleet()
	other := p.token(domain.ResellerAdmin, foreign, "")
	limited := p.token(domain.CustomerAdmin, tenant, "c1")
	for path, filter := range map[string]string{"/devices": "customer=c1", "/licenses": "customer=c1", "/customers": "q=C", "/activities": "customer=c1", "/groups": "license=l1"} {
		k, v := p.caughtUp()
		headers := []string{k, v}
		if path == "/activities" {
			headers = nil
		}
		a := p.must(200, p.admin, "GET", "/api/v1"+path+"?limit=1", nil, headers...)
		cursor, _ := a.body["next_cursor"].(string)
		if cursor == "" {
			t.Fatalf("%s: no cursor: %s", path, a.raw)
		}
		p.must(200, p.admin, "GET", "/api/v1"+path+"?limit=1&cursor="+cursor, nil)
		for _, token := range []string{other, limited} {
			p.refused(400, "invalid_cursor", token, "GET", "/api/v1"+path+"?limit=1&cursor="+cursor, nil)
		}
		p.refused(400, "invalid_cursor", p.admin, "GET", "/api/v1"+path+"?"+filter+"&limit=1&cursor="+cursor, nil)
	}
}
