package notice

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at      = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	subject = Subject{Customer: "c1", License: "l1", Group: "l1.main", Device: "d1"}
	facts   = Facts{Name: "PC-1", Threat: "Test.Virus", Path: "/tmp/a", Action: "none", Since: at}
	raise   = Raise{
		Tenant: tenant, Notice: "n1", Kind: domain.NoticeVirusFound, Subject: subject, Episode: "e1", Facts: facts, Happened: at, At: at.Add(time.Second),
	}
	raised = Raised{
		Tenant: tenant, Notice: "n1", Kind: domain.NoticeVirusFound, Subject: subject, Episode: "e1", Facts: facts, Happened: at, At: at.Add(time.Second),
	}
)

func TestRaisedOnce(t *testing.T) {
	again := raise
	again.At = at.Add(time.Hour)
	domaintest.Given[State](t).When(raise).Then(raised).When(raise).ThenNothing()
	domaintest.Given[State](t, raised).When(again).ThenNothing()
}

func TestHistoryIsNotNews(t *testing.T) {
	edge, late := raise, raise
	edge.At, late.At = at.Add(Recent), at.Add(Recent+time.Second)
	told := raised
	told.At = edge.At
	domaintest.Given[State](t).When(edge).Then(told)
	domaintest.Given[State](t).When(late).ThenNothing()
}

func TestRefusals(t *testing.T) {
	strange, nameless := raise, raise
	strange.Kind, nameless.Notice = "weather", ""
	domaintest.Given[State](t).When(strange).ThenRefused(domain.ErrInvalid.At("/kind"))
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/notice"))
}

func TestScopeIsTheCustomer(t *testing.T) {
	if got := domaintest.Fold[State](raised).Scope(); got != raise.Creates() || got.Customer != "c1" {
		t.Errorf("the scope is %+v", got)
	}
	if raise.Needs() != domain.OperatePlatform || raise.Stream().String() != string(tenant)+"-notice-n1" {
		t.Errorf("needs %s, stream %s", raise.Needs(), raise.Stream())
	}
}

func TestStepsBeforeTheEndOfALicense(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		left     time.Duration
		expiring int
		want     int
	}{
		{30 * day, 30, 30}, {8 * day, 30, 30}, {7 * day, 30, 7}, {day + hour, 30, 7}, {day, 30, 1}, {hour, 30, 1},
		{80 * day, 90, 90}, {30 * day, 90, 30}, {10 * day, 10, 10}, {7 * day, 10, 7}, {5 * day, 5, 5}, {day, 5, 1}, {hour, 1, 1}, {100 * day, 120, 120},
	} {
		until := at.Add(c.left)
		if days, reached := ExpiryStep(until, at, c.expiring); days != c.want || !reached.Equal(until.Add(-time.Duration(c.want)*day)) || reached.After(at) {
			t.Errorf("%v before the end, told from %d days on: step %d, reached %v", c.left, c.expiring, days, reached)
		}
	}
}
