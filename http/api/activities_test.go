package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// lines tells a page of the action log as "action state device", newest first.
func lines(a answer) []string {
	var out []string
	for _, item := range list(a) {
		name, _ := at(item, "device", "name").(string)
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", item["action"], item["state"], name)))
	}
	return out
}

func (p *portal) lines(token, query string) []string {
	p.Helper()
	return lines(p.must(200, token, "GET", "/api/v1/activities?limit=200&"+query, nil))
}

// A scan from being asked for to its answer: each state, the three phases, and all that happened, as the device tells it.
func TestOneActivityFromBeginningToEnd(t *testing.T) { oneActivity(t, start(t)) }

func oneActivity(t *testing.T, p *portal) {
	t.Helper()
	f := p.fleet()
	d := f.devices[0]
	id := uuid.MustParse(p.must(202, p.admin, "POST", "/api/v1/devices/"+string(d)+"/scan", map[string]any{"profile": "quick"}).body["request"].(string))
	second := p.must(202, p.admin, "POST", "/api/v1/devices/"+string(d)+"/update", nil).body["request"].(string)
	request := device.RequestID(id.String())
	look := func(want string, phases ...string) answer {
		t.Helper()
		a := p.must(200, p.admin, "GET", "/api/v1/activities/"+id.String(), nil)
		got := []string{}
		for _, phase := range a.body["phases"].([]any) {
			got = append(got, at(phase, "state").(string))
		}
		if at(a.body, "activity", "state") != want || !slices.Equal(got, phases) {
			t.Errorf("the scan is %v, its phases %v; want %s %v", at(a.body, "activity", "state"), got, want, phases)
		}
		return a
	}
	look("outstanding", "open", "open", "open")
	if a := p.must(200, p.admin, "GET", "/api/v1/activities/"+second, nil); at(a.body, "activity", "state") != "created" {
		t.Errorf("the update behind the scan: %s", a.raw)
	}
	p.say(d, id, device.MarkSent{Tenant: tenant, Device: d, Request: request, At: time.Now()})
	look("waiting", "done", "open", "open")
	p.say(d, id, device.MarkStarted{Tenant: tenant, Device: d, Request: request, At: time.Now()})
	look("running", "done", "open", "open")
	p.say(d, id, device.Complete{
		Tenant: tenant, Device: d, Request: request, OK: true, Code: "done", Detail: "1 of 7 files", Scan: device.ScanResult{Files: 7, Infected: 1},
		Threats: []device.Threat{{ID: "t1", Name: "Eicar", Path: "/x", Action: "none"}}, At: time.Now(),
	})
	a := look("completed", "done", "done", "done")
	if at(a.body, "activity", "ok") != true || at(a.body, "activity", "detail") != "1 of 7 files" || at(a.body, "activity", "action") != "device.scan" ||
		at(a.body, "activity", "customer", "name") != "Customer c1" || at(a.body, "activity", "license", "name") != "License l1" ||
		at(a.body, "activity", "device", "name") != "PC-1" || at(a.body, "activity", "actor", "id") != "u-reseller_admin" {
		t.Errorf("the line: %s", a.raw)
	}
	events := a.body["events"].(map[string]any)["items"].([]any)
	var types []string
	for _, e := range events {
		types = append(types, at(e, "type").(string))
	}
	want := []string{"device.scan_requested", "device.request_sent", "device.request_started", "device.threat_found", "device.request_completed"}
	if !slices.Equal(types, want) || at(events[3], "actor", "kind") != "client" || at(events[3], "data", "name") != "Eicar" {
		t.Errorf("the events: %s", a.raw)
	}
	short := p.must(200, p.admin, "GET", "/api/v1/activities/"+id.String()+"?limit=2", nil)
	cursor := at(short.body, "events", "next_cursor").(string)
	rest := p.must(200, p.admin, "GET", "/api/v1/activities/"+id.String()+"?cursor="+cursor, nil)
	if n := len(rest.body["events"].(map[string]any)["items"].([]any)); n != 3 {
		t.Errorf("the second page has %d events, want 3", n)
	}
	p.refused(400, "invalid_cursor", p.admin, "GET", "/api/v1/activities/"+second+"?cursor="+cursor, nil)

	// A cancellation ends the activity that it is about; a removal ends what the device was asked.
	p.must(200, p.admin, "DELETE", "/api/v1/devices/"+string(d)+"/requests/"+second, nil)
	if a := p.must(200, p.admin, "GET", "/api/v1/activities/"+second, nil); at(a.body, "activity", "state") != "aborted" || at(a.body, "activity", "detail") != "cancelled" {
		t.Errorf("the cancelled update: %s", a.raw)
	}
	third := p.must(202, p.admin, "POST", "/api/v1/devices/"+string(d)+"/update", nil).body["request"].(string)
	p.must(200, p.admin, "DELETE", "/api/v1/devices/"+string(d), nil)
	if a := p.must(200, p.admin, "GET", "/api/v1/activities/"+third, nil); at(a.body, "activity", "state") != "aborted" || at(a.body, "activity", "detail") != "device_removed" {
		t.Errorf("the update of a removed device: %s", a.raw)
	}
	if got := p.lines(p.admin, "device="+string(d)); got[0] != "device.remove completed PC-1" {
		t.Errorf("the last activity of the device is %q", got[0])
	}
	p.refused(404, "not_found", p.token(domain.ResellerAdmin, foreign, ""), "GET", "/api/v1/activities/"+id.String(), nil)
	p.refused(404, "not_found", p.token(domain.CustomerAdmin, tenant, "c2"), "GET", "/api/v1/activities/"+id.String(), nil)
	p.refused(404, "not_found", p.admin, "GET", "/api/v1/activities/"+uuid.NewString(), nil)
}

// A job is one line, however many events it has; its items' moves are not told apart from it.
func TestTheLogOfAJob(t *testing.T) {
	p := start(t)
	f := p.fleet()
	a := p.must(202, p.admin, "POST", "/api/v1/devices/move", map[string]any{"devices": f.devices, "group": "l2.main"})
	p.await(a.header.Get("Location"), func(a answer) bool { return a.body["state"] == "finished" })
	got := p.lines(p.admin, "action=job.move_devices")
	if !slices.Equal(got, []string{"job.move_devices completed"}) {
		t.Errorf("the log of the job: %q", got)
	}
	if got := p.lines(p.admin, "action=device.move"); len(got) != 1 { // also found by what came of it
		t.Errorf("activities that moved a device: %q", got)
	}
	details := p.must(200, p.admin, "GET", "/api/v1/activities/"+a.body["id"].(string), nil)
	if at(details.body, "activity", "ok") != false || at(details.body, "activity", "group", "name") != "License l2" {
		t.Errorf("the job: %s", details.raw)
	}
	// A customer's people see of it what happened to their devices.
	own := p.must(200, p.token(domain.CustomerAdmin, tenant, "c2"), "GET", "/api/v1/activities/"+a.body["id"].(string), nil)
	if strings.Contains(string(own.raw), `"c1"`) || strings.Contains(string(own.raw), "l1") || at(own.body, "activity", "state") != "completed" {
		t.Errorf("the job as c2 sees it tells of c1: %s", own.raw)
	}
}

// Each customer sees a device's past only as far as it was his.
func TestAMovedDeviceLeavesItsPastBehind(t *testing.T) {
	p := start(t)
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	p.must(200, p.admin, "PATCH", one, map[string]any{"label": "with c1"})
	p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"})
	p.must(200, p.admin, "PATCH", one, map[string]any{"label": "with c2"})
	c1, c2 := p.token(domain.CustomerAdmin, tenant, "c1"), p.token(domain.CustomerAdmin, tenant, "c2")
	device := "device=" + string(f.devices[0])
	if got := p.lines(c2, device); !slices.Equal(got, []string{"device.label completed PC-1", "device.move completed PC-1"}) {
		t.Errorf("the new owner sees %q", got)
	}
	if got := p.lines(c1, device); len(got) != 0 {
		t.Errorf("the old owner sees by device %q", got)
	}
	if got := p.lines(c1, "action=device.move,device.label"); !slices.Equal(got, []string{"device.move completed PC-1", "device.label completed PC-1"}) {
		t.Errorf("the old owner sees %q", got)
	}
	for token, others := range map[string][]string{c1: {`"c2"`, "l2", "with c2"}, c2: {`"c1"`, "l1"}} {
		for _, path := range []string{"/api/v1/activities?limit=200", one + "/history"} {
			a := p.request(token, "GET", path, nil)
			for _, word := range others {
				if strings.Contains(string(a.raw), word) {
					t.Errorf("%s tells %s to who may not know: %s", path, word, a.raw)
				}
			}
		}
	}
}

// However a page is limited, all pages together are the whole log once, newest first.
func TestPagesAndFiltersOfTheLog(t *testing.T) {
	clock := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	store := memory.New(catalog.Registry())
	store.SetClock(func() time.Time { clock = clock.Add(time.Minute); return clock })
	p := startOn(t, store)
	f := p.fleet()
	for i := range 30 {
		d := f.devices[i%3]
		p.do(commands.Do[device.State](t.Context(), p.h, p.as(tenant), device.Relabel{Tenant: tenant, Device: d, Label: fmt.Sprint(i), At: time.Now()}))
	}
	p.say(f.beside, uuid.Nil, device.Report{
		Tenant: tenant, Device: f.beside, Threats: []device.Threat{{ID: "t1", Name: "Eicar", Path: "/x", Action: "none"}}, At: time.Now(),
	})
	whole := p.must(200, p.admin, "GET", "/api/v1/activities?limit=200", nil)
	if whole.body["next_cursor"] != nil {
		t.Errorf("all of it still has a next page")
	}
	for _, limit := range []int{1, 7, 200} {
		var got []any
		cursor := ""
		for {
			a := p.must(200, p.admin, "GET", fmt.Sprintf("/api/v1/activities?limit=%d%s", limit, cursor), nil)
			for _, item := range list(a) {
				got = append(got, item["id"])
			}
			next, more := a.body["next_cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		if len(got) != len(list(whole)) {
			t.Fatalf("in pages of %d: %d activities, want %d", limit, len(got), len(list(whole)))
		}
		for i, item := range list(whole) {
			if got[i] != item["id"] {
				t.Fatalf("in pages of %d: %v at %d, want %v", limit, got[i], i, item["id"])
			}
		}
	}
	all := list(whole)
	middle := all[len(all)/2]["started_at"].(string)
	before := p.must(200, p.admin, "GET", "/api/v1/activities?limit=200&to="+url.QueryEscape(middle), nil)
	after := p.must(200, p.admin, "GET", "/api/v1/activities?limit=200&from="+url.QueryEscape(middle), nil)
	if len(list(after)) != len(all)/2+1 || len(list(before))+len(list(after)) != len(all) || list(before)[0]["started_at"].(string) >= middle {
		t.Errorf("before the middle %d, from it on %d, in all %d", len(list(before)), len(list(after)), len(all))
	}
	early := p.must(200, p.admin, "GET", "/api/v1/activities?to=2020-01-01T00:00:00Z", nil)
	if len(list(early)) != 0 || early.body["next_cursor"] != nil {
		t.Errorf("before the beginning: %s", early.raw)
	}
	for query, want := range map[string]int{
		"actor=client": 6, "actor=client&action=device.enroll": 5, "action=device.label": 30, "action=device.threat_found": 1,
		"customer=c2&actor=client": 2, "license=l1&action=device.label": 30, "license=lx&actor=client": 1, "device=" + string(f.devices[0]): 11,
		"state=aborted": 0, "state=completed&action=license.import": 3, "customer=b1": 0, "license=lb": 0, "actor=system": 0,
	} {
		if got := p.lines(p.admin, query); len(got) != want {
			t.Errorf("activities?%s: %d, want %d: %q", query, len(got), want, got)
		}
	}
	own := p.token(domain.CustomerAdmin, tenant, "c2")
	if got := p.lines(own, ""); len(got) != 4 { // customer, license, enrollment, threat
		t.Errorf("c2 sees %q", got)
	}
}

// What came to nothing says so, and the log tells no TID.
func TestTheLogTellsFailuresAndNoSecrets(t *testing.T) {
	p := start(t)
	p.fleet()
	p.enroll(tenant, "l2", "NB-2", time.Now())
	_, _, err := commands.EnrollDevice(t.Context(), p.h, commands.Request{At: time.Now(), ID: uuid.New()}, commands.Enrollment{
		TID: string(tid(tenant, "l2")), GUID: uuid.NewString(),
	})
	if err == nil {
		t.Fatal("a third device got one of two seats")
	}
	a := p.must(200, p.admin, "GET", "/api/v1/activities?limit=200&action=license.import", nil)
	for _, item := range list(a) {
		details := p.must(200, p.admin, "GET", "/api/v1/activities/"+item["id"].(string), nil)
		for _, l := range []domain.LicenseID{"l1", "l2", "lx"} {
			if strings.Contains(string(details.raw), string(tid(tenant, l))) {
				t.Errorf("the log shows a TID: %s", details.raw)
			}
		}
	}
	// A flow that broke off before its own event.
	broken := commands.Request{Actor: domain.DeviceActor("d9", domain.Scope{Tenant: tenant}), At: time.Now(), ID: uuid.New(), Correlation: uuid.New()}
	p.do(commands.Do(t.Context(), p.h, broken, activate("l1", "d9")))
	got := p.lines(p.admin, "state=aborted")
	if !slices.Equal(got, []string{"license.activate aborted"}) {
		t.Errorf("what came to nothing: %q", got)
	}
	if n, err := count(p.store.ReadLinks(t.Context(), "$bc-"+broken.Correlation.String(), eventstore.Start, eventstore.Forward, 0)); n != 1 || err != nil {
		t.Errorf("%d events of it, %v", n, err)
	}
}
