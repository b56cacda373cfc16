package user

import (
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func TestReadNotices(t *testing.T) {
	one := ReadNotice{Tenant: tenant, User: "u1", Notice: "n1", Raised: at, At: at}
	read := NoticeRead{User: "u1", Notice: "n1"}
	domaintest.Given[State](t, invited, accepted).When(one).Then(read).When(one).ThenNothing()
	all := ReadNotices{Tenant: tenant, User: "u1", Until: at.Add(-time.Minute), At: at}
	allRead := NoticesRead{User: "u1", Until: at.Add(-time.Minute)}
	domaintest.Given[State](t, invited, accepted).When(all).Then(allRead).When(all).ThenNothing()

	older, ahead := one, all
	older.Notice, older.Raised, ahead.Until = "n2", at.Add(-time.Hour), at.Add(time.Hour)
	domaintest.Given[State](t, invited, accepted, allRead).When(older).ThenNothing() // read with all others
	domaintest.Given[State](t, invited, accepted, allRead).When(ahead).Then(NoticesRead{User: "u1", Until: at})
	back := all
	back.Until = at.Add(-time.Hour)
	domaintest.Given[State](t, invited, accepted, allRead).When(back).ThenNothing()

	strange := one
	strange.Notice = "n 1"
	domaintest.Given[State](t, invited, accepted).When(strange).ThenRefused(domain.ErrInvalid.At("/notice"))
	domaintest.Given[State](t).When(one).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(all).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t, invited, accepted, Deactivated{User: "u1"}).When(all).ThenRefused(ErrInactive)
}

func TestWhatWasReadIsRememberedWithinBounds(t *testing.T) {
	history := []domain.Event{invited, accepted}
	for i := range maxRead + 10 {
		history = append(history, NoticeRead{User: "u1", Notice: fmt.Sprintf("n%d", i)})
	}
	if n := len(domaintest.Fold[State](history...).read); n != maxRead {
		t.Errorf("%d notices are remembered, want %d", n, maxRead)
	}
	if n := len(domaintest.Fold[State](append(history, NoticesRead{User: "u1", Until: at})...).read); n != 0 {
		t.Errorf("%d notices are remembered after all were read", n)
	}
}
