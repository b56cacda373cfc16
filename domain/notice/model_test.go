package notice

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A notice is raised once, and only while what it tells of is news.
func TestNoticeAgainstAPlainModel(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var s State
		raised := false
		t.Repeat(map[string]func(*rapid.T){
			"raise": func(t *rapid.T) {
				ago := time.Duration(rapid.IntRange(0, 100).Draw(t, "hours ago")) * time.Hour
				c := Raise{Tenant: tenant, Notice: "n1", Kind: domain.NoticeVirusFound, Subject: Subject{Customer: "c1"}, Episode: "e1", Happened: at.Add(-ago), At: at}
				news := !raised && ago <= 72*time.Hour
				if domaintest.Step(t, &s, c, nil) != news {
					t.Fatalf("raised after %s, though raised before: %v", ago, raised)
				}
				raised = raised || news
			},
			"": func(t *rapid.T) {
				if s.Exists() != raised || raised && s.Scope() != (domain.Scope{Tenant: tenant, Customer: "c1"}) {
					t.Fatalf("the notice is %+v, want %v", s, raised)
				}
			},
		})
	})
}
