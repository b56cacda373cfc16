package people

import (
	"sync"
	"testing"
	"time"

	"avportal/domain"
)

const tenant = domain.Tenant("0123456789abcdef0123456789abcdef")

func TestAnAddressIsOneMembersInEachOrganization(t *testing.T) {
	a, b, _ := two(t)
	org := domain.Scope{Tenant: tenant, Customer: "c1"}
	take := func(v *Vault, org domain.Scope, email string, u domain.UserID) domain.UserID {
		t.Helper()
		h, err := v.TakeAddress(t.Context(), org, email, u)
		if err != nil || h.Since.IsZero() {
			t.Fatal(h, err)
		}
		return h.User
	}
	if got := take(a, org, "Vera@Huber.example", "u1"); got != "u1" {
		t.Errorf("a free address is %s's", got)
	}
	if got := take(b, org, "vera@huber.EXAMPLE", "u2"); got != "u1" {
		t.Errorf("a taken address was given to %s", got)
	}
	if got := take(b, domain.Scope{Tenant: tenant}, "vera@huber.example", "u2"); got != "u2" {
		t.Errorf("in another organization it is %s's", got)
	}
	if ok, err := b.PassAddress(t.Context(), org, "vera@huber.example", "u9", "u2"); ok || err != nil {
		t.Errorf("it was passed on by one who does not have it: %v", err)
	}
	if ok, err := b.PassAddress(t.Context(), org, "vera@huber.example", "u1", "u3"); !ok || err != nil || take(a, org, "vera@huber.example", "u1") != "u3" {
		t.Errorf("it was not passed on: %v", err)
	}
	take(a, org, "new@huber.example", "u3")
	if err := a.LeaveAddresses(t.Context(), org, "u3", "NEW@huber.example"); err != nil {
		t.Fatal(err)
	}
	if take(a, org, "vera@huber.example", "u4") != "u4" || take(a, org, "new@huber.example", "u4") != "u3" {
		t.Error("the wrong address was given up")
	}
	if err := a.LeaveAddresses(t.Context(), org, "u3", ""); err != nil || take(a, org, "new@huber.example", "u4") != "u4" {
		t.Errorf("not all addresses were given up, %v", err)
	}
}

func TestOfManyWhoWantAnAddressOneGetsIt(t *testing.T) {
	a, b, _ := two(t)
	got := make([]domain.UserID, 20)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			h, err := []*Vault{a, b}[i%2].TakeAddress(t.Context(), domain.Scope{Tenant: tenant}, "x@y.example", domain.UserID(rune('a'+i)))
			if err != nil {
				t.Error(err)
			}
			got[i] = h.User
		})
	}
	all.Wait()
	for _, u := range got {
		if u != got[0] {
			t.Errorf("it was given to %v", got)
			break
		}
	}
}

func TestTheLatestSecretHolds(t *testing.T) {
	a, b, c := two(t)
	s := Secret{Tenant: tenant, User: "u1", ID: "k1", ExpiresAt: c.Now().Add(time.Hour)}
	issue := func(kind SecretKind) string {
		t.Helper()
		secret, err := a.Issue(t.Context(), kind, s)
		if err != nil || len(secret) != 43 {
			t.Fatal(secret, err)
		}
		return secret
	}
	holds := func(kind SecretKind, secret string, want bool) {
		t.Helper()
		got, ok, err := b.Find(t.Context(), kind, secret)
		if err != nil || ok != want || ok && got != s {
			t.Errorf("%+v, %v, %v; want %v", got, ok, err, want)
		}
	}
	first, link := issue(Invitation), issue(Link)
	holds(Invitation, first, true)
	holds(Link, first, false)
	second := issue(Invitation)
	holds(Invitation, first, false)
	holds(Invitation, second, true)
	holds(Link, link, true)
	holds(Link, "", false)
	if err := b.Withdraw(t.Context(), tenant, "u1", Link); err != nil {
		t.Fatal(err)
	}
	holds(Link, link, false)
	holds(Invitation, second, true)
	c.pass(time.Hour)
	holds(Invitation, second, false)
}
