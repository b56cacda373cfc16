package api_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/notice"
	"avportal/eventstore"
	"avportal/http/api/actionlog"
)

// Totals are of what the caller sees.
func TestCountsAreOfOnesOwn(t *testing.T) {
	p := start(t)
	f := p.fleet()
	p.must(202, p.admin, "POST", "/api/v1/devices/update", map[string]any{"devices": f.devices[:1]})
	p.must(202, p.token(domain.ResellerAdmin, foreign, ""), "POST", "/api/v1/devices/update", map[string]any{"devices": []domain.DeviceID{f.stranger}})
	p.waitForJobs()
	p.invite(p.admin, "one@reseller.example", "auditor", "")
	p.invite(p.admin, "two@huber.example", "customer_admin", "c1")
	p.invite(p.token(domain.ResellerAdmin, foreign, ""), "three@other.example", "auditor", "")
	p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c1"}, notice.Facts{Name: "One"})
	p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c2"}, notice.Facts{Name: "Two"})
	p.tell(foreign, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "b1"}, notice.Facts{Name: "Three"})
	for who, c := range map[string]struct {
		token                                       string
		customers, licenses, devices, jobs, notices int
	}{
		"the reseller": {p.admin, 3, 3, 5, 1, 2}, "a customer": {p.token(domain.CustomerAdmin, tenant, "c1"), 1, 1, 3, 0, 1},
		"another reseller": {p.token(domain.ResellerAdmin, foreign, ""), 1, 1, 1, 1, 1},
	} {
		k, v := p.caughtUp()
		d := p.must(200, c.token, "GET", "/api/v1/dashboard", nil, k, v)
		if at(d.body, "customers") != float64(c.customers) || at(d.body, "licenses", "total") != float64(c.licenses) || at(d.body, "devices", "total") != float64(c.devices) {
			t.Errorf("the dashboard of %s: %s", who, d.raw)
		}
		for path, want := range map[string]int{"/customers": c.customers, "/licenses": c.licenses, "/devices": c.devices} {
			a := p.must(200, c.token, "GET", "/api/v1"+path+"?count=true", nil)
			if a.body["total"] != float64(want) || len(list(a)) != want {
				t.Errorf("%s of %s: %v, %d items, want %d", path, who, a.body["total"], len(list(a)), want)
			}
		}
		// Each license has its main group. What is not one's own does not fill a page either.
		if got := list(p.must(200, c.token, "GET", "/api/v1/groups", nil)); len(got) != c.licenses {
			t.Errorf("groups of %s: %d, want %d", who, len(got), c.licenses)
		}
		if got := list(p.must(200, c.token, "GET", "/api/v1/groups?limit=1", nil)); len(got) != 1 {
			t.Errorf("one group of %s: %d", who, len(got))
		}
		users := 1
		if c.token == p.admin {
			users = 2
		}
		k, v = p.caughtUp()
		if got := p.must(200, c.token, "GET", "/api/v1/users?count=true", nil, k, v); got.body["total"] != float64(users) || len(list(got)) != users {
			t.Errorf("users of %s: %s, want %d", who, got.raw, users)
		}
		if got := list(p.must(200, c.token, "GET", "/api/v1/jobs", nil)); len(got) != c.jobs {
			t.Errorf("jobs of %s: %d, want %d", who, len(got), c.jobs)
		}
		if got := list(p.must(200, c.token, "GET", "/api/v1/notices", nil, k, v)); len(got) != c.notices {
			t.Errorf("notices of %s: %d, want %d", who, len(got), c.notices)
		}
	}
}

// What another reseller's people have done is not in the log that one sees, and what concerns another customer not in a customer's.
func TestHowFarAnActorSeesInTheLog(t *testing.T) {
	p := start(t)
	f := p.fleet()
	p.do(commands.MoveDevice(t.Context(), p.h, p.as(tenant), tenant, f.devices[0], group.Main("l2")))
	log := actionlog.New(p.h, p.store)
	actors := []domain.Actor{
		{Kind: domain.ActorUser, ID: "x", Role: domain.ResellerAdmin, Tenant: tenant}, {Kind: domain.ActorUser, ID: "x", Role: domain.ResellerAdmin, Tenant: foreign},
		{Kind: domain.ActorUser, ID: "x", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"},
		{Kind: domain.ActorUser, ID: "x", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c3"},
	}
	seen := make([]int, len(actors))
	for r, err := range p.store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		for i, a := range actors {
			visible, err := log.Visible(t.Context(), a, r)
			check(t, err)
			if visible {
				seen[i]++
			}
			if visible && a.Tenant != r.Stream.Tenant {
				t.Errorf("%s of another reseller is visible", r.Type)
			}
			if of := map[string]domain.CustomerID{"c1": "c1", "l1": "c1", "c2": "c2", "l2": "c2", "c3": "c3", "lx": "c3"}[r.Stream.ID]; visible && a.Customer != "" && of != "" && of != a.Customer {
				t.Errorf("%s of %s is visible to %s", r.Type, r.Stream.ID, a.Customer)
			}
			if _, moved := r.Event.(device.Moved); moved && visible != (a.Tenant == tenant && a.Customer != "c3") {
				t.Errorf("that a device moved from c1 to c2 is visible to %+v: %v", a, visible)
			}
		}
	}
	if seen[1] == 0 || seen[2] <= seen[1] || seen[0] <= seen[2] {
		t.Errorf("visible: %d events to a reseller, %d to another with less, %d to a customer", seen[0], seen[1], seen[2])
	}
}

// mutants each remove one condition that keeps resellers or customers apart: a piece of source that stands in its file exactly
// once, and what takes its place. Which file is told from the root of the repository.
var mutants = []struct{ file, old, new string }{
	{"domain/actor.go", `a.Tenant == s.Tenant && `, ``},
	{"domain/actor.go", `(a.Customer == "" || a.Customer == s.Customer)`, `true`},
	{"commands/attempt.go", `scope.Tenant != stream.Tenant || !actor.Sees(scope)`, `scope.Tenant != stream.Tenant`},
	{"commands/move_device.go", "visible = s.Exists() && rq.Actor.Sees(s.Scope())\n\t\tp =", "visible = s.Exists()\n\t\tp ="},
	{"commands/move_device.go", `visible, scope = s.Exists() && rq.Actor.Sees(s.Scope()), s.Scope()`, `visible, scope = s.Exists(), s.Scope()`},
	{"projections/licenses/list.go", `len(list) == 0 || scope.Customer != "" && list[0].Customer != scope.Customer`, `len(list) == 0`},
	{"projections/licenses/list.go", `s.And("l.tenant = ?", scope.Tenant)`, `s.And("?::text <> ''", string(scope.Tenant))`},
	{"projections/licenses/list.go", `{scope.Customer, f.Customer}`, `{f.Customer}`},
	{"projections/licenses/groups.go", `s.And("l.tenant = ?", scope.Tenant)`, `s.And("?::text <> ''", string(scope.Tenant))`},
	{"projections/licenses/groups.go", `{scope.Customer, f.Customer}`, `{f.Customer}`},
	{"projections/licenses/customers.go", `scope.Customer != "" && id != scope.Customer`, `scope.Customer != "" && id == ""`},
	{"projections/licenses/customers.go", `s.And("c.tenant = ?", scope.Tenant)`, `s.And("?::text <> ''", string(scope.Tenant))`},
	{"projections/licenses/customers.go", `s.And("c.customer = ?", scope.Customer)`, `s.And("?::text <> ''", string(scope.Customer))`},
	{"projections/licenses/customers.go", `JOIN customer c ON c.tenant = $1 AND c.customer`, `JOIN customer c ON $1::text <> '' AND c.customer`},
	{"projections/devices/get.go", `len(found) == 0 || scope.Customer != "" && found[0].Customer != scope.Customer`, `len(found) == 0`},
	{"projections/devices/list.go", `f.limitsPlaces() || scope.Customer != ""; l.limited`, `f.limitsPlaces(); l.limited`},
	{"projections/devices/places.go", `{scope.Customer, f.Customer}`, `{f.Customer}`},
	{"projections/jobs/queries.go", `s.And("j.tenant = ?", scope.Tenant)`, `s.And("?::text <> ''", string(scope.Tenant))`},
	{"projections/jobs/queries.go", `s.And("j.customer = ?", scope.Customer)`, `s.And("?::text <> ''", string(scope.Customer))`},
	{"projections/dashboard/queries.go", `customer_count WHERE tenant = $1 AND`, `customer_count WHERE $1::text <> '' AND`},
	{"projections/dashboard/queries.go", `WHERE tenant = $1 AND customer = $2 AND span = $3`, `WHERE $1::text <> '' AND customer = $2 AND span = $3`},
	{"http/api/routes.go", `a.reach == tenantWide && actor.Customer != ""`, `a.reach == tenantWide && actor.Customer == "nobody"`},
	{"http/api/profiles.go", `!now.Exists() || !c.actor.Sees(now.Scope())`, `!now.Exists()`},
	{"http/api/jobs.go", `visible, action, results = st.Exists() && c.actor.Sees(st.Scope()), st.Action(), st.Results()`, `visible, action, results = st.Exists(), st.Action(), st.Results()`},
	{"http/api/actionlog/actionlog.go", `if a.Tenant != r.Stream.Tenant {`, `if false {`},
	{"http/api/actionlog/actionlog.go", `if a.Customer == "" {`, `if true {`},
	{"http/api/actionlog/actionlog.go", `return a.Customer == m.FromCustomer || a.Customer == m.ToCustomer, nil`, `return m.FromCustomer != "nobody", nil`},
	{"http/api/actionlog/actionlog.go", `return err == nil && p.Customer == a.Customer, err`, `return err == nil && p.Customer != "nobody", err`},
	{"http/api/actionlog/list.go", `visible = s.Exists() && a.Sees(s.Scope())`, `visible = s.Exists()`},
	{"http/api/actionlog/events.go", `a.Customer != "" && c != string(a.Customer)`, `a.Customer == "nobody" && c != string(a.Customer)`},
	{"http/history/read.go", `r.Stream.Tenant != t || r.At`, `r.At`},
	{"projections/users/list.go", `len(list) == 0 || scope.Customer != "" && list[0].Customer != scope.Customer`, `len(list) == 0`},
	{"projections/users/list.go", `s.And("m.tenant = ?", scope.Tenant)`, `s.And("?::text <> ''", string(scope.Tenant))`},
	{"projections/users/list.go", `{scope.Customer, f.Customer}`, `{f.Customer}`},
	{"projections/notices/queries.go", `s.And("n.tenant = ?", who.Scope.Tenant)`, `s.And("?::uuid IS NOT NULL", who.Scope.Tenant)`},
	{"projections/notices/queries.go", `s.And("n.customer = ?", who.Scope.Customer)`, `s.And("?::text <> ''", string(who.Scope.Customer))`},
	{"projections/page/page.go", `string(hash) != string(c.Of)`, `len(hash) != len(c.Of)`},
}

// guards are the tests that hold resellers and customers apart.
const guards = "HowFarAnActorSees|WhoMayReachWhat|ForeignIsNotExisting|CountsAreOfOnesOwn|MovedDevice|WholeHistory|CursorsOfOthers|OneForeignDevice"

// Without any one of the conditions that keep resellers and customers apart, the guards fail. An ordinary run takes a sample;
// `make mutants` all.
func TestMutants(t *testing.T) {
	step := 11
	if os.Getenv("AVPORTAL_MUTANTS") != "" {
		step = 1
	}
	root, err := filepath.Abs("../..")
	check(t, err)
	for i, m := range mutants {
		path := filepath.Join(root, m.file)
		source, err := os.ReadFile(path)
		check(t, err)
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("mutant %d: %q stands %d times in %s", i, m.old, n, m.file)
			continue
		}
		if i%step != 0 {
			continue
		}
		changed := filepath.Join(t.TempDir(), "mutant.go")
		check(t, os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600))
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
		check(t, err)
		list := filepath.Join(t.TempDir(), "overlay.json")
		check(t, os.WriteFile(list, overlay, 0o600))
		out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay", list, "-count=1", "-failfast", "-run", guards, ".", "avportal/domain").CombinedOutput()
		switch {
		case strings.Contains(string(out), "build failed"):
			t.Errorf("mutant %d can't be compiled: %s", i, out)
		case err == nil:
			t.Errorf("mutant %d survives: %s without %q", i, m.file, m.old)
		case !strings.Contains(string(out), "--- FAIL"):
			t.Errorf("mutant %d: %v %s", i, err, out)
		}
	}
}
