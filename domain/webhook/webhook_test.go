package webhook

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at       = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	settings = Settings{Name: "PSA", URL: domain.Personal{Subject: "s1", Text: "https://psa.example/hook"}, Kinds: []domain.Notice{domain.NoticeVirusFound, domain.NoticeOutdated}}
	create   = Create{Tenant: tenant, Webhook: "w1", Settings: settings, Secret: "k1", At: at}
	created  = Created{Tenant: tenant, Webhook: "w1", Settings: settings, Secret: "k1", At: at}
)

func TestCreate(t *testing.T) {
	domaintest.Given[State](t).When(create).Then(created).When(create).ThenRefused(domain.ErrExists)
	mixed := create
	mixed.Settings.Kinds = []domain.Notice{domain.NoticeOutdated, domain.NoticeVirusFound, domain.NoticeOutdated}
	domaintest.Given[State](t).When(mixed).Then(created)
	for field, spoil := range map[string]func(*Create){
		"/name":    func(c *Create) { c.Settings.Name = " " },
		"/url":     func(c *Create) { c.Settings.URL.Text = "http://psa.example" },
		"/kinds":   func(c *Create) { c.Settings.Kinds = nil },
		"/kinds/0": func(c *Create) { c.Settings.Kinds = []domain.Notice{"weather"} },
		"/webhook": func(c *Create) { c.Webhook = "" },
		"/secret":  func(c *Create) { c.Secret = "k 1" },
	} {
		c := create
		spoil(&c)
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	long := create
	long.Settings.URL.Text = "https://" + strings.Repeat("x", MaxURL)
	domaintest.Given[State](t).When(long).ThenRefused(domain.ErrInvalid.At("/url"))
	var many []domain.Event
	for i := range MaxWebhooks {
		c := created
		c.Webhook = ID(fmt.Sprint("x", i))
		many = append(many, c)
	}
	domaintest.Given[State](t, many...).When(create).ThenRefused(ErrTooMany)
}

func TestChange(t *testing.T) {
	change := Change{Tenant: tenant, Webhook: "w1", Settings: settings, At: at}
	domaintest.Given[State](t, created).When(change).ThenNothing()
	change.Settings.Name = "Tickets"
	domaintest.Given[State](t, created).When(change).Then(Changed{Webhook: "w1", From: settings, To: change.Settings})
	domaintest.Given[State](t, created, Removed{Webhook: "w1"}).When(change).ThenRefused(domain.ErrNotFound)
	change.Settings.Kinds = nil
	domaintest.Given[State](t, created).When(change).ThenRefused(domain.ErrInvalid.At("/kinds"))
}

func TestChangeSecret(t *testing.T) {
	change := ChangeSecret{Tenant: tenant, Webhook: "w1", Secret: "k2", At: at}
	changed := SecretChanged{Webhook: "w1", From: "k1", To: "k2", At: at}
	domaintest.Given[State](t, created).When(change).Then(changed).When(change).ThenNothing()
	domaintest.Given[State](t).When(change).ThenRefused(domain.ErrNotFound)
	w, _ := domaintest.Fold[State](created, changed).Get("w1")
	if now, later := w.Secrets(at.Add(Overlap-1)), w.Secrets(at.Add(Overlap)); !slices.Equal(now, []SecretID{"k2", "k1"}) || !slices.Equal(later, []SecretID{"k2"}) {
		t.Errorf("signed with %v, a day later with %v", now, later)
	}
}

func TestDisableEnableRemove(t *testing.T) {
	off, on := Disable{Tenant: tenant, Webhook: "w1", Reason: Failing, At: at}, Enable{Tenant: tenant, Webhook: "w1", At: at}
	disabled := Disabled{Webhook: "w1", Reason: Failing}
	domaintest.Given[State](t, created).When(off).Then(disabled).When(off).ThenNothing()
	domaintest.Given[State](t, created, disabled).When(on).Then(Enabled{Webhook: "w1"}).When(on).ThenNothing()
	remove := Remove{Tenant: tenant, Webhook: "w1", At: at}
	domaintest.Given[State](t, created).When(remove).Then(Removed{Webhook: "w1"}).When(remove).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(off).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(on).ThenRefused(domain.ErrNotFound)
}

func TestWhatAWebhookWants(t *testing.T) {
	w, _ := domaintest.Fold[State](created).Get("w1")
	off, _ := domaintest.Fold[State](created, Disabled{Webhook: "w1", Reason: Gone}).Get("w1")
	if !w.Wants(domain.NoticeVirusFound, at) || w.Wants(domain.NoticeInstalled, at) || w.Wants(domain.NoticeVirusFound, at.Add(-1)) || off.Wants(domain.NoticeVirusFound, at) {
		t.Error("a webhook wants what it was made for, from then on, while it is enabled")
	}
}
