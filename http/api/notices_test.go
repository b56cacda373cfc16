package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
)

// tell raises a notice, and gives its id when the view has it.
func (p *portal) tell(of domain.Tenant, kind domain.Notice, s notice.Subject, facts notice.Facts) string {
	p.Helper()
	now := p.clock()
	c := notice.Raise{Tenant: of, Kind: kind, Subject: s, Episode: uuid.NewString(), Facts: facts, Happened: now, At: now}
	rq := commands.Request{Actor: domain.SystemActor("watch", of), At: now, ID: uuid.New()}
	check(p, commands.Tell(p.Context(), p.h, rq, c))
	id := string(commands.NoticeID(of, kind, s, c.Episode))
	p.must(200, p.token(domain.ResellerReadOnly, of, ""), "GET", "/api/v1/notices?limit=1", nil, "Portal-After", p.head().String())
	time.Sleep(time.Millisecond) // the next one is newer
	return id
}

func TestNoticesAreToldAndRead(t *testing.T) {
	p := start(t)
	f := p.fleet()
	of := notice.Subject{Customer: "c1", License: "l1", Group: "l1.main", Device: f.devices[0]}
	id := p.invite(p.admin, "vera@huber.example", "customer_readonly", "c1")
	p.accept(id)
	virus := p.tell(tenant, domain.NoticeVirusFound, of, notice.Facts{Name: "PC-1", Threat: "Test.Virus", Path: "/a"})
	seats := p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c1", License: "l1"}, notice.Facts{Name: "Praxis", Seats: 5, Used: 5})
	gone := p.tell(tenant, domain.NoticeRemoved, of, notice.Facts{Name: "PC-1"})
	me := p.asMember(id)
	const path = "/api/v1/notices"

	got := p.must(200, me, "GET", path, nil, "Accept-Language", "de")
	items := list(got)
	if len(items) != 3 || items[0]["id"] != gone || items[1]["id"] != seats || items[2]["id"] != virus {
		t.Fatalf("the notices: %s", got.raw)
	}
	if n := items[2]; n["text"] != "Test.Virus wurde auf PC-1 gefunden: /a" || n["title"] != "Virus gefunden" || n["severity"] != "critical" || n["read"] != false ||
		n["link"] != "/api/v1/devices/"+string(f.devices[0]) || at(n, "group", "id") != "l1.main" || at(n, "device", "name") != "PC-1" ||
		at(n, "customer", "name") != "Customer c1" || at(n, "license", "name") != "License l1" {
		t.Errorf("the infection: %v", n)
	}
	if items[0]["link"] != nil || items[1]["link"] != "/api/v1/licenses/l1" {
		t.Errorf("the links: %s", got.raw)
	}
	p.must(200, me, "GET", items[2]["link"].(string), nil)
	summary := func(who string, after answer, unread int, kinds string) {
		t.Helper()
		a := p.must(200, who, "GET", path+"/summary", nil, "Portal-After", after.header.Get("Portal-Position"))
		var all []string
		for _, k := range a.body["kinds"].([]any) {
			all = append(all, fmt.Sprint(k.(map[string]any)["kind"]))
		}
		if a.body["unread"] != float64(unread) || strings.Join(all, " ") != kinds || a.body["more"] != false {
			t.Errorf("the summary: %s", a.raw)
		}
	}
	summary(me, got, 3, "virus_found removed seats_used_up")
	read := p.must(200, me, "POST", path+"/"+virus+"/read", nil)
	if again := p.must(200, me, "POST", path+"/"+virus+"/read", nil); read.body["changed"] != true || again.body["changed"] != false {
		t.Errorf("read %s, again %s", read.raw, again.raw)
	}
	summary(me, read, 2, "removed seats_used_up")
	if a := p.must(200, me, "GET", path+"?unread=true", nil); len(list(a)) != 2 {
		t.Errorf("unread: %s", a.raw)
	}
	read = p.must(200, me, "POST", path+"/read", map[string]any{"notice": seats})
	summary(me, read, 1, "removed") // which is newer
	if a := p.must(200, me, "GET", path+"?kind=removed,installed&severity=info&since="+p.clock().Add(-time.Hour).UTC().Format(time.RFC3339), nil); len(list(a)) != 1 {
		t.Errorf("removed: %s", a.raw)
	}
	summary(p.admin, read, 3, "virus_found removed seats_used_up") // another's marks are his own
	p.refused(409, "no_read_marks", p.admin, "POST", path+"/"+virus+"/read", nil)
	p.refused(409, "no_read_marks", p.admin, "POST", path+"/read", map[string]any{"notice": seats})
	p.refused(404, "not_found", me, "POST", path+"/made-up/read", nil)
	p.refused(400, "invalid_request", me, "GET", path+"?kind=weather", nil)
}

// The event stream tells of new notices, to those who see them.
func TestNewNoticesStandInTheEventStream(t *testing.T) {
	p := start(t)
	p.fleet()
	ours := p.listen(t.Context(), p.token(domain.CustomerReadOnly, tenant, "c1"), "")
	neighbor := p.listen(t.Context(), p.token(domain.CustomerReadOnly, tenant, "c2"), "")
	id := p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c1", License: "l1"}, notice.Facts{Name: "Praxis"})
	beside := p.tell(tenant, domain.NoticeSeatsUsedUp, notice.Subject{Customer: "c2", License: "l2"}, notice.Facts{Name: "Kanzlei"})
	for want, next := range map[string]func() (message, bool){id: ours, beside: neighbor} {
		m, ok := next()
		if !ok || len(m.data.Changes) != 1 || m.data.Changes[0].ID != want || m.data.Changes[0].Kind != "notice" || m.data.Changes[0].Type != "notice.raised" {
			t.Errorf("told %+v, want the notice %s", m, want)
		}
	}
}
