package profile

import (
	"slices"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const (
	tenant = domain.Tenant("00112233445566778899aabbccddeeff")
	id     = domain.ProfileID("p1")
	main   = domain.GroupID("l1.main")
)

var at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func created(owner domain.CustomerID) Created {
	return Created{Tenant: tenant, Profile: id, Customer: owner, Name: "Praxen", Settings: Defaults()}
}

func given(t *testing.T, more ...domain.Event) *domaintest.Scenario[State] {
	return domaintest.Given[State](t, append([]domain.Event{created("")}, more...)...)
}

func linked(l domain.LinkID, g domain.GroupID, c domain.CustomerID) Linked {
	return Linked{Profile: id, Link: l, Group: g, Customer: c}
}

func TestCreate(t *testing.T) {
	c := Create{Tenant: tenant, Profile: id, Name: " Praxen ", Settings: Defaults(), At: at}
	domaintest.Given[State](t).When(c).Then(created("")).When(c).ThenNothing()
	of := c
	of.Customer, of.ClonedOf = "c1", "p0"
	cloned := created("c1")
	cloned.ClonedOf = "p0"
	domaintest.Given[State](t).When(of).Then(cloned)
	given(t).When(of).ThenRefused(domain.ErrExists)
	given(t, Deleted{Profile: id}).When(c).ThenRefused(domain.ErrExists)
	for field, spoil := range map[string]func(*Create){
		"/id":                              func(c *Create) { c.Profile = "a b" },
		"/name":                            func(c *Create) { c.Name = " " },
		"/settings/autoscan/schedule/time": func(c *Create) { c.Settings.Autoscan.Schedule.Time = "25:00" },
	} {
		wrong := c
		spoil(&wrong)
		domaintest.Given[State](t).When(wrong).ThenRefused(domain.ErrInvalid.At(field))
	}
	if events, err := of.Decide(State{}); err != nil || domaintest.Fold[State](events...).Scope() != of.Creates() {
		t.Errorf("the scope is not what the command says: %v", err)
	}
}

func TestRename(t *testing.T) {
	c := Rename{Tenant: tenant, Profile: id, Name: "Kanzleien", At: at}
	given(t).When(c).Then(Renamed{Profile: id, From: "Praxen", To: "Kanzleien"}).When(c).ThenNothing()
	c.Name = ""
	given(t).When(c).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(c).ThenRefused(domain.ErrNotFound)
	given(t, Deleted{Profile: id}).When(c).ThenRefused(ErrDeleted)
}

func TestChangeSettings(t *testing.T) {
	s := Defaults()
	s.Protection.Spam = false
	s.Exclusions.Paths = []string{`C:\Daten\`}
	c := ChangeSettings{Tenant: tenant, Profile: id, Settings: s, At: at}
	changed := SettingsChanged{
		Profile: id, Edition: 2, Sections: []Section{InProtection, InExclusions},
		From: Settings{Protection: Protection{Realtime: true, Web: true, Mail: true, Spam: true}},
		To:   Settings{Protection: Protection{Realtime: true, Web: true, Mail: true}, Exclusions: Exclusions{Paths: []string{`C:\Daten\`}}},
	}
	back := ChangeSettings{Tenant: tenant, Profile: id, Settings: Defaults(), Restores: 1, At: at}
	given(t).When(c).Then(changed).When(back).Then(SettingsChanged{
		Profile: id, Edition: 3, Sections: changed.Sections, From: changed.To, To: changed.From, Restores: 1,
	}).When(back).ThenNothing()
	given(t, changed).When(c).ThenNothing()
	given(t, Deleted{Profile: id}).When(c).ThenRefused(ErrDeleted)
	domaintest.Given[State](t).When(c).ThenRefused(domain.ErrNotFound)
}

// What nobody can read can't be sent back, so it stays unless a new one comes; and never stands in an event itself.
func TestSecretsStayAsTheyAre(t *testing.T) {
	s := Defaults()
	s.Updates.Proxy = Proxy{Host: "proxy.local", Port: 3128, User: "av", Password: "s1"}
	s.Lock.Password = "s2"
	set := ChangeSettings{Tenant: tenant, Profile: id, Settings: s, At: at}
	keep := set
	keep.KeepProxyPassword, keep.KeepLock = true, true
	keep.Settings.Updates.Proxy.Password, keep.Settings.Lock.Password, keep.Settings.Updates.Product = "", "", false
	without := keep
	without.Settings.Updates.Proxy = Proxy{}
	sc := given(t).When(set)
	first := SettingsChanged{Profile: id, Edition: 2, Sections: []Section{InUpdates, InLock}, From: Settings{Updates: Defaults().Updates}, To: Settings{Updates: s.Updates, Lock: s.Lock}}
	sc = sc.Then(first)
	kept := s.Updates
	kept.Product = false
	sc.When(keep).Then(SettingsChanged{Profile: id, Edition: 3, Sections: []Section{InUpdates}, From: Settings{Updates: s.Updates}, To: Settings{Updates: kept}})
	sc.When(without).Then(SettingsChanged{Profile: id, Edition: 3, Sections: []Section{InUpdates}, From: Settings{Updates: s.Updates}, To: Settings{}})
	open := keep
	open.KeepLock, open.Settings.Updates.Product = false, true
	sc.When(open).Then(SettingsChanged{Profile: id, Edition: 3, Sections: []Section{InLock}, From: Settings{Lock: s.Lock}, To: Settings{}})
}

func TestLinksKeepAProfile(t *testing.T) {
	link := Link{Tenant: tenant, Profile: id, Link: "k1", Group: main, Customer: "c1", At: at}
	unlink := Unlink{Tenant: tenant, Profile: id, Link: "k1", At: at}
	remove := Delete{Tenant: tenant, Profile: id, At: at}
	sc := given(t).When(link).Then(linked("k1", main, "c1"))
	sc.When(link).ThenNothing()
	sc.When(remove).ThenRefused(ErrInUse)
	again := link
	again.Link = "k2"
	twice := sc.When(again).Then(linked("k2", main, "c1")) // a new use of the same group outlives the end of the old one
	twice.When(unlink).Then(Unlinked{Profile: id, Link: "k1", Group: main}).When(remove).ThenRefused(ErrInUse)
	gone := sc.When(unlink).Then(Unlinked{Profile: id, Link: "k1", Group: main})
	gone.When(unlink).ThenNothing()
	gone.When(remove).Then(Deleted{Profile: id, Name: "Praxen"}).When(remove).ThenRefused(ErrDeleted)
	given(t, Deleted{Profile: id}).When(link).ThenRefused(ErrDeleted)
	domaintest.Given[State](t).When(link).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(remove).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(unlink).ThenNothing()
	other := link
	other.Group = "l1.x"
	sc.When(other).ThenRefused(domain.ErrExists)
	other.Link = ""
	sc.When(other).ThenRefused(domain.ErrInvalid.At("/link"))
}

func TestOwnership(t *testing.T) {
	link := Link{Tenant: tenant, Profile: id, Link: "k1", Group: main, Customer: "c1", At: at}
	of := domaintest.Given[State](t, created("c2"))
	of.When(link).ThenRefused(ErrNotForCustomer)
	link.Customer = "c2"
	of.When(link).Then(linked("k1", main, "c2"))

	change := func(to domain.CustomerID) ChangeOwner {
		return ChangeOwner{Tenant: tenant, Profile: id, To: to, At: at}
	}
	given(t).When(change("c1")).Then(OwnerChanged{Profile: id, To: "c1"}).When(change("c1")).ThenNothing()
	of.When(change("")).Then(OwnerChanged{Profile: id, From: "c2"})
	used := given(t, linked("k1", main, "c1"))
	used.When(change("c2")).ThenRefused(ErrUsedByOthers)
	used.When(change("c1")).Then(OwnerChanged{Profile: id, To: "c1"})
	domaintest.Given[State](t).When(change("c1")).ThenRefused(domain.ErrNotFound)

	s := domaintest.Fold[State](created(""), SettingsChanged{Profile: id, Edition: 2}, OwnerChanged{Profile: id, To: "c1"}, SettingsChanged{Profile: id, Edition: 3})
	if s.Scope() != (domain.Scope{Tenant: tenant, Customer: "c1"}) || s.OwnedSince() != 2 || s.Edition() != 3 {
		t.Errorf("owner %+v since %d, edition %d", s.Scope(), s.OwnedSince(), s.Edition())
	}
}

// Readers keep a state while the pipeline folds on; what they see must not change under them.
func TestAnOldStateStaysAsItWas(t *testing.T) {
	before := domaintest.Fold[State](created(""), linked("k1", main, "c1"))
	after := before.Evolve(linked("k2", "l1.x", "c1")).Evolve(Unlinked{Profile: id, Link: "k1"})
	if !before.HasLink("k1") || before.HasLink("k2") || after.HasLink("k1") || !slices.Equal(after.Groups(), []domain.GroupID{"l1.x"}) {
		t.Error("an event changed the state before it")
	}
}

// The address of a person who stands in the settings keeps its subject, whoever sends it again; one that was erased is left out.
func TestRecipientsKeepTheirSubjects(t *testing.T) {
	to := func(list ...domain.Personal) ChangeSettings {
		s := Defaults()
		for _, a := range list {
			s.Notifications.Recipients = append(s.Notifications.Recipients, Recipient{Address: a, Kinds: []domain.Notice{domain.NoticeVirusFound}, Delivery: Instant})
		}
		return ChangeSettings{Tenant: tenant, Profile: id, Settings: s, At: at}
	}
	person := func(subject, text string) domain.Personal {
		return domain.Personal{Subject: domain.Subject(subject), Text: text}
	}
	first := to(person("s1", "a@example.org"))
	sc := given(t).When(first).Then(SettingsChanged{Profile: id, Edition: 2, Sections: []Section{InNotifications}, To: Settings{Notifications: first.Settings.Notifications}})
	sc.When(to(person("s2", " a@example.org"))).ThenNothing()
	both := to(person("s1", "a@example.org"), person("s3", "b@example.org"))
	sc.When(to(person("s2", "a@example.org"), person("s3", "b@example.org"))).Then(SettingsChanged{
		Profile: id, Edition: 3, Sections: []Section{InNotifications},
		From: Settings{Notifications: first.Settings.Notifications}, To: Settings{Notifications: both.Settings.Notifications},
	})
	sc.When(to(person("s1", "a@example.org"), person("s3", "x").Erase())).ThenNothing()
	sc.When(to(person("", "c@example.org"))).ThenRefused(domain.ErrInvalid.At("/notifications/recipients/0/address"))
}
