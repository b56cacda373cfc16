package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
)

// sheetOf reads a CSV file of a language.
func sheetOf(t *testing.T, a answer, comma rune) [][]string {
	t.Helper()
	raw, ok := bytes.CutPrefix(a.raw, []byte("\ufeff"))
	if !ok {
		t.Errorf("no mark of UTF-8: %.40q", a.raw)
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma = comma
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Lists as files hold all rows of the list, however many pages it has, in its order and within the caller's reach.
func TestListsAsFiles(t *testing.T) {
	p := start(t)
	p.fleet()
	p.do(commands.Do[license.State](t.Context(), p.h, p.as(tenant), license.ChangeSeats{Tenant: tenant, License: "l1", Seats: 500, At: time.Now()}))
	for i := range 250 {
		p.enroll(tenant, "l1", fmt.Sprintf("PC-%03d", 100+i), time.Now())
	}
	k, v := p.caughtUp()
	a := p.must(200, p.admin, "GET", "/api/v1/devices/export?format=csv&columns=hostname,customer,contact&sort=-hostname", nil, k, v)
	rows := sheetOf(t, a, ',')
	if len(rows) != 1+255 || !slices.Equal(rows[0], []string{"Host name", "Customer", "Contact"}) || !slices.Equal(rows[1], []string{"PC-349", "Customer c1", "Online"}) {
		t.Errorf("%d rows, %q", len(rows), rows[:3])
	}
	if got := a.header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="devices-`) {
		t.Errorf("the file is called %q", got)
	}
	limited := p.token(domain.CustomerAdmin, tenant, "c2")
	if rows := sheetOf(t, p.must(200, limited, "GET", "/api/v1/devices/export?format=csv", nil), ','); len(rows) != 2 || strings.Contains(fmt.Sprint(rows), "Customer c1") {
		t.Errorf("c2 gets %q", rows)
	}
	german := p.must(200, p.admin, "GET", "/api/v1/licenses/export?format=csv&state=expired,valid&sort=-valid_until", nil, "Accept-Language", "de")
	rows = sheetOf(t, german, ';')
	if len(rows) != 3 || rows[0][3] != "Art" || rows[1][1] != "License l1" || rows[1][3] != "Kauf" || rows[2][10] != "Abgelaufen" {
		t.Errorf("licenses in German: %q", rows)
	}
	if strings.Contains(string(german.raw), string(tid(tenant, "l1"))) {
		t.Error("the file holds a TID")
	}
	book, err := excelize.OpenReader(bytes.NewReader(p.must(200, p.admin, "GET", "/api/v1/devices/export?format=xlsx", nil, "Accept-Language", "de").raw))
	check(t, err)
	all, err := book.GetRows("Geräte")
	check(t, err)
	if len(all) != 1+255 || all[0][1] != "Hostname" || len(all[0]) != 35 {
		t.Errorf("the workbook: %d rows, %q", len(all), all[0])
	}
	past := sheetOf(t, p.must(200, p.admin, "GET", "/api/v1/devices/export?format=csv&as_of="+url.QueryEscape(p.head().String()), nil), ',')
	if len(past) != 1+255 || len(past[0]) != 33 || slices.Contains(past[0], "Contact") {
		t.Errorf("the list as it was: %d rows, %q", len(past), past[0])
	}
	p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/devices/export?format=csv&columns=contact&as_of="+url.QueryEscape(p.head().String()), nil)
	p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/devices/export?format=pdf", nil)
	p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/devices/export?format=csv&columns=tid", nil)
	p.refused(403, "forbidden", p.token(domain.Auditor, tenant, ""), "GET", "/api/v1/devices/export?format=csv", nil)
	p.refused(503, "not_yet", p.admin, "GET", "/api/v1/devices/export?format=csv", nil, "Portal-After", "9000000000000000000/9000000000000000000")
}

// A file can be narrowed like its list.
func TestExportsTakeTheFiltersOfTheirLists(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	check(t, err)
	for _, list := range []string{"/licenses", "/devices", "/activities"} {
		export := doc.Paths.Value(list + "/export").Get
		for _, param := range doc.Paths.Value(list).Get.Parameters {
			switch param.Value.Name {
			case "limit", "cursor", "count", "Portal-After":
				continue
			}
			other := export.Parameters.GetByInAndName(param.Value.In, param.Value.Name)
			if other == nil || other.Schema.Ref != param.Value.Schema.Ref || other.Schema.Value.Pattern != param.Value.Schema.Value.Pattern {
				t.Errorf("%s/export does not take %q as the list does", list, param.Value.Name)
			}
		}
	}
}

// The action log as a file is the whole list, and tells old and new values.
func TestTheLogAsAFile(t *testing.T) {
	p := start(t)
	f := p.fleet()
	for i := range 230 {
		p.do(commands.Do[device.State](t.Context(), p.h, p.as(tenant), device.Relabel{Tenant: tenant, Device: f.devices[i%3], Label: fmt.Sprintf("=%d", i), At: time.Now()}))
	}
	want := p.lines(p.admin, "action=device.label")
	rows := sheetOf(t, p.must(200, p.admin, "GET", "/api/v1/activities/export?format=csv&action=device.label", nil, "Accept-Language", "de"), ';')
	if len(rows) != 1+230 || len(want) != 200 {
		t.Fatalf("%d rows, the first page of the list has %d", len(rows)-1, len(want))
	}
	for i, cell := range map[int]string{2: "Bezeichnung des Geräts geändert", 3: "Abgeschlossen", 4: "Ja", 6: "Bezeichnung: =226 → =229", 7: "Customer c1", 11: "Benutzer", 12: "u1"} {
		if rows[1][i] != cell {
			t.Errorf("%s of the newest is %q, want %q", rows[0][i], rows[1][i], cell)
		}
	}
	var all []map[string]any
	for line := range strings.Lines(string(p.must(200, p.admin, "GET", "/api/v1/activities/export?format=ndjson", nil).raw)) {
		var item map[string]any
		check(t, json.Unmarshal([]byte(line), &item))
		all = append(all, item)
	}
	ids := map[any]bool{}
	for _, item := range all {
		ids[item["id"]] = true
	}
	if len(ids) != len(all) || len(all) < 240 {
		t.Errorf("%d activities, %d different ones", len(all), len(ids))
	}
	own := p.must(200, p.token(domain.CustomerAdmin, tenant, "c2"), "GET", "/api/v1/activities/export?format=ndjson", nil)
	if strings.Contains(string(own.raw), `"c1"`) || strings.Count(string(own.raw), "\n") != 3 {
		t.Errorf("c2 gets %s", own.raw)
	}
	p.refused(403, "forbidden", p.token(domain.ResellerReadOnly, tenant, ""), "GET", "/api/v1/activities/export?format=csv", nil)
}

// A customer's people see of a job longer than a page reads what happened to their devices, once.
func TestALongJobIsToldOnce(t *testing.T) {
	p := start(t)
	f := p.fleet()
	job := uuid.New()
	rq := p.as(tenant)
	rq.Correlation = job
	for i := range 260 {
		rq.ID = uuid.New()
		p.do(commands.Do[device.State](t.Context(), p.h, rq, device.Relabel{Tenant: tenant, Device: f.devices[0], Label: fmt.Sprint(i), At: time.Now()}))
	}
	for i := range 5 {
		rq.ID = uuid.New()
		p.do(commands.Do[device.State](t.Context(), p.h, rq, device.Relabel{Tenant: tenant, Device: f.beside, Label: fmt.Sprint(i), At: time.Now()}))
	}
	own := p.token(domain.CustomerAdmin, tenant, "c2")
	var got []any
	for cursor := ""; ; {
		a := p.must(200, own, "GET", "/api/v1/activities?limit=1"+cursor, nil)
		for _, item := range list(a) {
			got = append(got, item["id"])
		}
		next, more := a.body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	told := 0
	for _, id := range got {
		if id == job.String() {
			told++
		}
	}
	if told != 1 || len(got) != 4 {
		t.Errorf("the job is told %d times among %v", told, got)
	}
}

// Who did it, and any word of what was done.
func TestSearchInTheLog(t *testing.T) {
	p := start(t)
	f := p.fleet()
	p.must(200, p.admin, "PATCH", "/api/v1/devices/"+string(f.devices[0]), map[string]any{"label": "Empfang Süd"})
	p.say(f.devices[1], uuid.Nil, device.Report{Tenant: tenant, Device: f.devices[1], Threats: []device.Threat{{ID: "t1", Name: "Win.Trojan.Emotet", Path: `C:\Rechnung.doc`, Action: "none"}}, At: time.Now()})
	for query, want := range map[string]int{
		"q=empfang%20s%C3%BCd": 1, "q=EMOTET": 1, "q=rechnung.doc": 1, "q=PC-2": 2, "q=Customer%20c2": 3, "q=nothing": 0, "q=Bezeichnung": 1, "q=designated": 1,
		"user=u-reseller_admin": 1, "user=u1": 6, "user=" + string(f.devices[1]): 2, "user=nobody": 0, "user=u1&q=l2": 1,
	} {
		if got := p.lines(p.admin, query); len(got) != want {
			t.Errorf("activities?%s: %d, want %d: %q", query, len(got), want, got)
		}
	}
	// Nobody finds by a word what he does not see.
	if got := p.lines(p.token(domain.CustomerAdmin, tenant, "c2"), "q=emotet"); len(got) != 0 {
		t.Errorf("c2 finds %q", got)
	}
	if got := p.lines(p.admin, "q="+string(tid(tenant, "l1"))); len(got) != 0 {
		t.Errorf("a TID is found: %q", got)
	}
}

// Titles are in the caller's language; changes tell what was and what is.
func TestTheLogInGerman(t *testing.T) {
	p := start(t)
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	p.must(200, p.admin, "PATCH", one, map[string]any{"label": "Empfang"})
	p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"})
	a := p.must(200, p.admin, "GET", one+"/history?limit=2", nil, "Accept-Language", "de")
	moved, labeled := list(a)[0], list(a)[1]
	if moved["title"] != "Gerät verschoben" || labeled["title"] != "Bezeichnung des Geräts geändert" {
		t.Errorf("titles: %s", a.raw)
	}
	if got := fmt.Sprint(labeled["changes"]); got != "[map[field:label from: to:Empfang]]" {
		t.Errorf("the label: %s", got)
	}
	if got := fmt.Sprint(moved["changes"]); got != "[map[field:customer from:c1 to:c2] map[field:group from:l1.main to:l2.main] map[field:license from:l1 to:l2]]" {
		t.Errorf("the move: %s", got)
	}
	own := p.must(200, p.token(domain.CustomerAdmin, tenant, "c2"), "GET", one+"/history", nil)
	if got := fmt.Sprint(list(own)[0]["changes"]); got != "[map[field:customer to:c2] map[field:group to:l2.main] map[field:license to:l2]]" {
		t.Errorf("the move as c2 sees it: %s", got)
	}
	p.must(200, p.admin, "PATCH", "/api/v1/reseller", map[string]any{"thresholds": map[string]any{"expiring_days": 45}})
	list := list(p.must(200, p.admin, "GET", "/api/v1/activities?action=reseller.thresholds", nil))
	details := p.must(200, p.admin, "GET", "/api/v1/activities/"+list[0]["id"].(string), nil)
	if got := fmt.Sprint(at(details.body["events"].(map[string]any)["items"].([]any)[0], "changes")); got != "[map[field:expiring_days from:30 to:45]]" {
		t.Errorf("the thresholds: %s", got)
	}
}

func TestTheDownloadDialog(t *testing.T) {
	p := start(t)
	p.fleet()
	p.must(201, p.admin, "POST", "/api/v1/groups", map[string]any{"license": "l1", "parent": "l1.main", "name": "Labor"})
	k, v := p.caughtUp()
	a := p.must(200, p.admin, "GET", "/api/v1/licenses/l1/download", nil, k, v, "Accept-Language", "de")
	groups := a.body["groups"].([]any)
	if len(groups) != 2 || at(groups[0], "main") != true || at(groups[1], "name") != "Labor" || at(a.body["architectures"].([]any)[0], "name") != "64 Bit" || len(a.body["types"].([]any)) != 4 {
		t.Errorf("the choices: %s", a.raw)
	}
	p.refused(409, "license_expired", p.admin, "GET", "/api/v1/licenses/lx/download", nil)
	p.refused(403, "forbidden", p.token(domain.ResellerReadOnly, tenant, ""), "GET", "/api/v1/licenses/l1/download", nil)
	names := p.must(200, p.admin, "GET", "/api/v1/names", nil, "Accept-Language", "de")
	if names.body["state.waiting"] != "Wartet" {
		t.Errorf("the names: %.200s", names.raw)
	}
}
