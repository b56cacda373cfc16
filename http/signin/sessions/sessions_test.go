package sessions

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, postgrestest.IgnoreServer()) }

const tenant domain.Tenant = "0123456789abcdef0123456789abcdef"

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// two vaults on one database, as two portals have.
func two(t *testing.T) (a, b *Vault, c *clock) {
	t.Helper()
	db := postgrestest.Pool(t)
	c = &clock{now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	for _, v := range []**Vault{&a, &b} {
		var err error
		if *v, err = New(t.Context(), db, c.Now); err != nil {
			t.Fatal(err)
		}
	}
	return a, b, c
}

func begin(t *testing.T, v *Vault, person domain.PersonID) (Session, string) {
	t.Helper()
	s, secret, err := v.Begin(t.Context(), Session{
		ID: uuid.New(), Person: person, User: "m-" + domain.UserID(person), Tenant: tenant, Customer: "c1", Role: domain.CustomerAdmin, Method: session.Password, Browser: "Firefox",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, secret
}

func holds(t *testing.T, v *Vault, secret string, want bool) {
	t.Helper()
	if _, err := v.Authenticate(t.Context(), secret); (err == nil) != want || err != nil && !errors.Is(err, ErrNone) {
		t.Errorf("the session holds: %v, want %v", err, want)
	}
}

func TestASessionIsWhatItBeganAs(t *testing.T) {
	a, b, c := two(t)
	made, secret := begin(t, a, "u1")
	found, err := b.Authenticate(t.Context(), secret)
	if err != nil || found != made {
		t.Errorf("began %+v, found %+v, %v", made, found, err)
	}
	want := domain.Actor{Kind: domain.ActorUser, ID: "m-u1", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"}
	if found.As() != want || found.ExpiresAt != c.Now().Add(Lifetime) {
		t.Errorf("the actor is %+v, the session %+v", found.As(), made)
	}
	var leaks int
	if err := a.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.session s WHERE s::text LIKE '%' || $1 || '%'`, secret).Scan(&leaks); err != nil || leaks != 0 {
		t.Errorf("the cookie's value itself is stored %d times, %v", leaks, err)
	}
	for _, wrong := range []string{"", "x", secret + "A", secret[1:], newSecret(), strings.Repeat("A", 5000)} {
		holds(t, a, wrong, false)
	}
}

func TestIdleAndAbsoluteTimeouts(t *testing.T) {
	a, b, c := two(t)
	_, idle := begin(t, a, "u1")
	_, busy := begin(t, a, "u1")
	for range 23 { // 11.5 hours, with a look every half hour
		c.pass(Idle)
		holds(t, b, busy, true)
	}
	holds(t, a, idle, false)
	if list, err := a.Of(t.Context(), "u1"); err != nil || len(list) != 1 {
		t.Errorf("the list: %+v, %v", list, err)
	}
	c.pass(Idle)
	holds(t, a, busy, false) // 12 hours are over, however much it was used
	c.pass(keep + time.Hour)
	if err := a.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := a.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.session`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d old rows are left, %v", rows, err)
	}
}

func TestEnding(t *testing.T) {
	a, b, c := two(t)
	one, cookie1 := begin(t, a, "u1")
	two, cookie2 := begin(t, a, "u1")
	_, cookie3 := begin(t, a, "u1")
	_, other := begin(t, a, "u2")
	for _, secret := range []string{cookie1, cookie2, cookie3, other} {
		holds(t, b, secret, true) // so that its cache knows them
	}
	if _, err := a.End(t.Context(), "u2", one.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("another person's session was ended: %v", err)
	}
	ended, err := a.End(t.Context(), "u1", one.ID)
	if err != nil || ended.ID != one.ID {
		t.Fatalf("ended %+v, %v", ended, err)
	}
	holds(t, a, cookie1, false)
	c.pass(cacheLife) // the other portal may not know for so long, and no longer
	holds(t, b, cookie1, false)
	if _, err := a.End(t.Context(), "u1", one.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	all, err := a.EndAll(t.Context(), "u1", two.ID)
	if err != nil || len(all) != 1 {
		t.Errorf("ended %d, %v; want the third alone", len(all), err)
	}
	holds(t, a, cookie2, true)
	holds(t, a, cookie3, false)
	if all, err = a.EndMember(t.Context(), "ffffffffffffffffffffffffffffffff", "m-u1"); err != nil || len(all) != 0 {
		t.Errorf("in another organization %d have ended, %v", len(all), err)
	}
	if all, err = a.EndMember(t.Context(), tenant, "m-u1"); err != nil || len(all) != 1 {
		t.Errorf("in the organization %d have ended, %v", len(all), err)
	}
	holds(t, a, other, true)
}

// A database that is away lets nobody in, and is not taken for "no such session".
func TestWithoutADatabaseNobodyIsLetIn(t *testing.T) {
	db := postgrestest.Pool(t)
	v, err := New(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, secret := begin(t, v, "u1")
	db.Close()
	if _, err := v.Authenticate(t.Context(), secret); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("without a database: %v", err)
	}
}

func TestTheCookie(t *testing.T) {
	for _, c := range []struct {
		cookies Cookies
		want    string
	}{
		{Cookies{Secure: true}, "__Host-avportal=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{Cookies{}, "avportal-insecure=v; Path=/; HttpOnly; SameSite=Lax"},
	} {
		h := http.Header{}
		c.cookies.Set(h, "v")
		if got := h.Get("Set-Cookie"); got != c.want {
			t.Errorf("the cookie is %q, want %q", got, c.want)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", strings.SplitN(h.Get("Set-Cookie"), ";", 2)[0])
		if c.cookies.Read(r) != "v" || (Cookies{Secure: !c.cookies.Secure}).Read(r) != "" {
			t.Error("the cookie does not come back, or by the wrong name")
		}
		c.cookies.Clear(h)
		if got := h.Values("Set-Cookie")[1]; !strings.Contains(got, "Max-Age=0") {
			t.Errorf("it is not taken away by %q", got)
		}
	}
}
