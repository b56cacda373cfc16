package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
)

func TestProfilesInUse(t *testing.T) {
	p := start(t)
	f := p.fleet()
	id := p.profile(p.admin, map[string]any{"name": "Reseller's"})
	own := p.profile(p.admin, map[string]any{"name": "Own", "owner": "c1"})
	customer := p.token(domain.CustomerAdmin, tenant, "c1")
	use := func(token, profile string) answer {
		return p.must(200, token, "PUT", "/api/v1/groups/l1.main/profile", map[string]any{"profile": profile})
	}
	if a := use(p.admin, id); a.body["changed"] != true {
		t.Errorf("chosen: %s", a.raw)
	}
	if a := use(p.admin, id); a.body["changed"] != false {
		t.Errorf("chosen again: %s", a.raw)
	}
	p.refused(409, "profile_in_use", p.admin, "DELETE", "/api/v1/profiles/"+id, nil)
	p.refused(409, "profile_of_reseller", customer, "PUT", "/api/v1/groups/l1.main/profile", map[string]any{"profile": own})
	p.refused(409, "license_expired", p.admin, "PUT", "/api/v1/groups/lx.main/profile", map[string]any{"profile": id})
	p.refused(409, "no_profile", p.admin, "POST", "/api/v1/groups/l2.main/transmit", nil)
	p.refused(403, "forbidden", p.token(domain.ResellerReadOnly, tenant, ""), "PUT", "/api/v1/groups/l1.main/profile", map[string]any{"profile": id})
	k, v := p.caughtUp()
	groups := p.must(200, p.admin, "GET", "/api/v1/groups?license=l1", nil, k, v)
	if g := list(groups)[0]; at(g, "profile", "name") != "Reseller's" || at(g, "profile", "edition") != 1.0 || g["profile_hidden"] != nil {
		t.Errorf("the reseller sees %s", groups.raw)
	}
	groups = p.must(200, customer, "GET", "/api/v1/groups?license=l1", nil)
	if g := list(groups)[0]; g["profile"] != nil || g["profile_hidden"] != true {
		t.Errorf("the customer sees %s", groups.raw)
	}
	if got := p.must(200, customer, "GET", "/api/v1/profiles", nil); len(list(got)) != 1 || list(got)[0]["id"] != own {
		t.Errorf("the customer lists %s", got.raw)
	}

	a := p.must(202, p.admin, "POST", "/api/v1/groups/l1.main/transmit", nil)
	job := p.await(a.header.Get("Location"), func(a answer) bool { return a.body["state"] == "finished" })
	if job.body["action"] != "transmit_profiles" || job.body["total"] != 3.0 || job.body["failed"] != 0.0 {
		t.Errorf("the job: %s", job.raw)
	}
	one := "/api/v1/devices/" + string(f.devices[0])
	k, v = p.caughtUp()
	d := p.must(200, p.admin, "GET", one, nil, k, v)
	request := d.body["requests"].([]any)[0].(map[string]any)
	if request["kind"] != "apply_profile" || request["state"] != "outstanding" || at(d.body, "device", "profile_state") != "not_applied" || at(d.body, "device", "profile", "id") != id {
		t.Errorf("the device: %s", d.raw)
	}
	activity := uuid.MustParse(request["id"].(string))
	p.say(f.devices[0], activity, device.MarkSent{Tenant: tenant, Device: f.devices[0], Request: device.RequestID(activity.String()), At: time.Now()})
	p.say(f.devices[0], activity, device.Complete{Tenant: tenant, Device: f.devices[0], Request: device.RequestID(activity.String()), OK: true, Code: "done", At: time.Now()})
	k, v = p.caughtUp()
	d = p.must(200, p.admin, "GET", one, nil, k, v)
	if at(d.body, "device", "profile_state") != "current" || at(d.body, "device", "applied_profile", "edition") != 1.0 {
		t.Errorf("applied: %s", d.raw)
	}
	act := p.must(200, p.admin, "GET", "/api/v1/activities/"+activity.String(), nil)
	if at(act.body, "activity", "action") != "device.transmit" || at(act.body, "activity", "state") != "completed" || at(act.body, "activity", "ok") != true {
		t.Errorf("its activity: %s", act.raw)
	}
	settings, _ := p.settings(id)
	settings["scan_profiles"] = []any{map[string]any{"id": "data", "name": "Daten", "paths": []string{"/data"}}}
	saved := p.must(200, p.admin, "PUT", "/api/v1/profiles/"+id+"/settings?transmit=true", settings)
	p.await("/api/v1/jobs/"+saved.body["job"].(string), func(a answer) bool { return a.body["state"] == "finished" })
	k, v = p.caughtUp()
	devices := p.must(200, customer, "GET", "/api/v1/devices?sort=hostname", nil, k, v)
	for i, want := range []string{"outdated", "not_applied", "not_applied"} {
		if d := list(devices)[i]; d["profile_state"] != want || d["pending_kind"] != "apply_profile" || d["profile"] != nil || d["profile_hidden"] != true || d["applied_profile"] != nil {
			t.Errorf("device %d, as the customer sees it: %v", i, d)
		}
	}
	scan := p.must(202, customer, "POST", one+"/scan", map[string]any{"profile": "own", "scan_profile": "data"})
	if again := p.must(202, customer, "POST", one+"/scan", map[string]any{"profile": "own", "scan_profile": "data"}); again.body["request"] != scan.body["request"] {
		t.Errorf("the same scan again: %s", again.raw)
	}
	p.refused(400, "unknown_scan_profile", p.admin, "POST", one+"/scan", map[string]any{"profile": "own", "scan_profile": "other"})
	p.refused(400, "invalid_request", p.admin, "POST", one+"/scan", map[string]any{"profile": "quick", "scan_profile": "data"})
	p.refused(400, "invalid_request", p.admin, "POST", one+"/scan", map[string]any{"profile": "own"})
	p.refused(409, "no_profile", p.admin, "POST", "/api/v1/devices/"+string(f.beside)+"/transmit", nil)
	p.must(202, p.admin, "POST", one+"/transmit", nil)
	a = p.must(202, p.admin, "POST", "/api/v1/profiles/"+id+"/transmit", nil)
	p.await(a.header.Get("Location"), func(a answer) bool { return a.body["state"] == "finished" }) // else it writes while others are refused

	use(p.admin, "")
	use(customer, own)
	p.refused(409, "profile_of_other_customer", p.admin, "PUT", "/api/v1/groups/l2.main/profile", map[string]any{"profile": own})
	p.must(200, p.admin, "PATCH", "/api/v1/profiles/"+own, map[string]any{"owner": ""})
	p.must(200, p.admin, "DELETE", "/api/v1/profiles/"+id, nil)
}

// What a profile was before it became a customer's is not that customer's to see.
func TestEditionsOfAFormerOwner(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.profile(p.admin, map[string]any{"name": "x"})
	one := "/api/v1/profiles/" + id
	for _, product := range []bool{false, true} {
		settings, _ := p.settings(id)
		settings["updates"] = map[string]any{"product": product}
		p.must(200, p.admin, "PUT", one+"/settings", settings)
	}
	p.must(200, p.admin, "PATCH", one, map[string]any{"owner": "c1"})
	customer := p.token(domain.CustomerAdmin, tenant, "c1")
	if e := p.must(200, customer, "GET", one+"/editions", nil); len(list(e)) != 1 || list(e)[0]["edition"] != 3.0 {
		t.Errorf("the customer sees %s", e.raw)
	}
	p.refused(404, "not_found", customer, "GET", one+"/editions/2", nil)
	p.refused(404, "not_found", customer, "GET", one+"/differences?from=2&to=3", nil)
	p.refused(404, "not_found", customer, "POST", one+"/restore", map[string]any{"edition": 2})
	if e := p.must(200, p.admin, "GET", one+"/editions", nil); len(list(e)) != 3 {
		t.Errorf("the reseller sees %s", e.raw)
	}
	for _, a := range list(p.must(200, customer, "GET", "/api/v1/activities", nil)) {
		if a["action"] == "profile.settings" || a["action"] == "profile.create" {
			t.Errorf("the customer's action log shows %v", a)
		}
	}
}

func TestBulkLabelRemoveUndo(t *testing.T) {
	p := start(t)
	f := p.fleet()
	finished := func(a answer) answer {
		return p.await(a.header.Get("Location"), func(a answer) bool { return a.body["state"] == "finished" })
	}
	move := p.must(202, p.admin, "POST", "/api/v1/devices/move", map[string]any{"devices": f.devices[:1], "group": "l2.main"})
	finished(move)
	undone := finished(p.must(202, p.admin, "POST", "/api/v1/jobs/"+move.body["id"].(string)+"/undo", nil))
	if undone.body["action"] != "undo_move" || undone.body["undoes"] != move.body["id"] || undone.body["failed"] != 0.0 {
		t.Errorf("undone: %s", undone.raw)
	}
	label := finished(p.must(202, p.admin, "POST", "/api/v1/devices/label", map[string]any{"devices": f.devices, "label": "Kasse"}))
	p.refused(409, "no_move", p.admin, "POST", "/api/v1/jobs/"+label.body["id"].(string)+"/undo", nil)
	p.refused(404, "not_found", p.token(domain.CustomerAdmin, tenant, "c1"), "POST", "/api/v1/jobs/"+move.body["id"].(string)+"/undo", nil)
	k, v := p.caughtUp()
	if got := p.must(200, p.admin, "GET", "/api/v1/devices?license=l1&q=Kasse", nil, k, v); len(list(got)) != 3 {
		t.Errorf("labeled: %s", got.raw)
	}
	finished(p.must(202, p.admin, "POST", "/api/v1/devices/transmit", map[string]any{"devices": f.devices}))
	finished(p.must(202, p.admin, "POST", "/api/v1/devices/scan", map[string]any{"devices": f.devices, "profile": "removable"}))
	p.refused(400, "invalid_request", p.admin, "POST", "/api/v1/devices/scan", map[string]any{"devices": f.devices, "profile": "own"})
	finished(p.must(202, p.admin, "POST", "/api/v1/devices/remove", map[string]any{"devices": f.devices[1:], "reason": "replaced"}))
	k, v = p.caughtUp()
	if got := p.must(200, p.admin, "GET", "/api/v1/devices?license=l1", nil, k, v); len(list(got)) != 1 {
		t.Errorf("removed: %s", got.raw)
	}
}

func TestConversion(t *testing.T) {
	p := start(t)
	p.fleet()
	const path = "/api/v1/reseller/conversion"
	if a := p.must(200, p.admin, "GET", path, nil); a.body["state"] != "open" {
		t.Errorf("at first: %s", a.raw)
	}
	chosen := p.profile(p.admin, map[string]any{"name": "By hand"})
	p.must(200, p.admin, "PUT", "/api/v1/groups/l2.main/profile", map[string]any{"profile": chosen})
	p.refused(403, "forbidden", p.token(domain.ResellerTechnician, tenant, ""), "POST", path, map[string]any{"accept": true})
	p.refused(403, "forbidden", p.token(domain.CustomerAdmin, tenant, "c1"), "GET", path, nil)
	a := p.must(200, p.admin, "POST", path, map[string]any{"accept": true})
	jobs := a.body["jobs"].([]any)
	if a.body["state"] != "done" || len(jobs) != 1 {
		t.Fatalf("accepted: %s", a.raw)
	}
	job := p.await("/api/v1/jobs/"+jobs[0].(string), func(a answer) bool { return a.body["state"] == "finished" })
	if job.body["action"] != "assign_profile" || job.body["total"] != 2.0 || job.body["failed"] != 1.0 { // the license of one has expired
		t.Errorf("the job: %s", job.raw)
	}
	results := p.must(200, p.admin, "GET", "/api/v1/jobs/"+jobs[0].(string)+"/results?ok=false", nil)
	if r := list(results); len(r) != 1 || at(r[0], "group", "name") != "License lx" || r[0]["code"] != "license_expired" || r[0]["device"] != nil {
		t.Errorf("its results: %s", results.raw)
	}
	p.license(tenant, "c4", "l4", 5, time.Now().AddDate(1, 0, 0)) // a group that comes later is not included
	if again := p.must(200, p.admin, "POST", path, map[string]any{"accept": true}); again.body["profile"] != a.body["profile"] || len(again.body["jobs"].([]any)) != 1 {
		t.Errorf("again: %s", again.raw)
	}
	p.refused(409, "conversion_closed", p.admin, "POST", path, map[string]any{"accept": false})
	k, v := p.caughtUp()
	uses := map[any]any{}
	for _, g := range list(p.must(200, p.admin, "GET", "/api/v1/groups", nil, k, v)) {
		uses[g["id"]] = at(g, "profile", "name")
	}
	if fmt.Sprint(uses) != "map[l1.main:Standardprofil l2.main:By hand l4.main:<nil> lx.main:<nil>]" {
		t.Errorf("groups use %v", uses)
	}
	other := p.token(domain.ResellerAdmin, foreign, "")
	if a := p.must(200, other, "POST", path, map[string]any{"accept": false}); a.body["state"] != "declined" {
		t.Errorf("declined: %s", a.raw)
	}
	p.refused(409, "conversion_closed", other, "POST", path, map[string]any{"accept": true})
}
