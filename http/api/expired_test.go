package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// expiredMay are the routes that an expired license does not refuse: renewal, asking the Reseller
// Portal for one, and giving a seat back.
var expiredMay = []string{"POST /licenses/{id}/renew", "POST /licenses/{id}/refresh", "DELETE /devices/{id}", "POST /devices/remove"}

// Every route that changes something under a license refuses once the license has expired, wherever in the request the license, its
// group or its device stands; a job tells it for each device.
func TestEveryRouteOnAnExpiredLicense(t *testing.T) {
	p := start(t)
	f := p.fleet()
	gone, device := uuid.NewString(), string(f.expired)
	same := func(id string) object { return object{own: id} }
	m := matrix{portal: p, objects: map[string]object{
		"licenses": same("lx"), "license": same("lx"), "groups": same("lx.main"), "group": same("lx.main"), "parent": same("lx.main"),
		"devices": same(device), "device": same(device), "request_id": same(gone),
	}}
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	check(t, err)
	refused := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Value(path).Operations() {
			if method == "GET" && !strings.HasSuffix(path, "/download") || !m.licensed(path, op) || slices.Contains(expiredMay, method+" "+path) {
				continue
			}
			status, answer := m.ask(p.admin, method, path, op, m.slots(path, op), nil)
			switch {
			case status == 202 && strings.Contains(answer, `"id"`): // a job
				p.waitForJobs()
				_, id, _ := strings.Cut(answer, `"id":"`)
				results := p.must(200, p.admin, "GET", "/api/v1/jobs/"+id[:36]+"/results", nil, "Accept-Language", "de")
				if list(results)[0]["code"] != "license_expired" || !strings.HasPrefix(list(results)[0]["message"].(string), "Die Lizenz ist abgelaufen.") {
					t.Errorf("%s %s: %s", method, path, results.raw)
				}
				refused++
			case status == 409 && strings.Contains(answer, `"license_expired"`):
				refused++
			default:
				t.Errorf("%s %s on an expired license answers %s", method, path, answer)
			}
		}
	}
	if refused < 11 {
		t.Errorf("only %d routes were refused", refused)
	}
	p.must(200, p.admin, "DELETE", "/api/v1/devices/"+device, nil)
	p.must(200, p.admin, "POST", "/api/v1/licenses/lx/renew", map[string]any{"term_years": 1, "valid_until": time.Now().AddDate(1, 0, 0)})
}

// licensed reports whether a route is about something under a license.
func (m *matrix) licensed(path string, op *openapi3.Operation) bool {
	for _, match := range parameter.FindAllStringSubmatch(path, -1) {
		if _, known := m.objects[match[1]]; !known {
			return false
		}
	}
	return len(m.slots(path, op)) > 0
}
