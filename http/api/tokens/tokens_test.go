package tokens

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"avportal/domain"
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

func make1(t *testing.T, v *Vault, g Grant) (Token, string) {
	t.Helper()
	token, secret, err := v.Create(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return token, secret
}

func TestATokenIsWhatItWasMadeAs(t *testing.T) {
	a, b, c := two(t)
	made, secret := make1(t, a, Grant{Name: " PSA ", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"})
	found, err := b.Authenticate(t.Context(), secret)
	if err != nil || found != made {
		t.Errorf("made %+v, found %+v, %v", made, found, err)
	}
	want := domain.Actor{Kind: domain.ActorUser, ID: "token-" + made.ID.String(), Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"}
	if found.As() != want || made.Name != "PSA" || made.ExpiresAt != c.Now().Add(90*24*time.Hour) {
		t.Errorf("the actor is %+v, the token %+v", found.As(), made)
	}
	if !strings.HasPrefix(secret, Prefix) || len(secret) != len(Prefix)+secretChars {
		t.Errorf("the secret is %q", secret)
	}
	var leaks int
	if err := a.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.api_token t WHERE t::text LIKE '%' || $1 || '%'`, secret[4:]).Scan(&leaks); err != nil || leaks != 0 {
		t.Errorf("the secret itself is stored %d times, %v", leaks, err)
	}
}

func TestEveryTypingErrorIsNoticed(t *testing.T) {
	secret := newSecret()
	if _, ok := hashOf(secret); !ok {
		t.Fatal("a fresh secret is none")
	}
	for i := range secret {
		for _, c := range "a2z7_A" {
			wrong := secret[:i] + string(c) + secret[i+1:]
			if _, ok := hashOf(wrong); ok && wrong != secret {
				t.Errorf("%q passes for a token", wrong)
			}
		}
	}
	for _, wrong := range []string{"", Prefix, secret + "a", secret[1:], strings.ToUpper(secret)} {
		if _, ok := hashOf(wrong); ok {
			t.Errorf("%q passes for a token", wrong)
		}
	}
}

func TestExpiryAndRevocation(t *testing.T) {
	a, b, c := two(t)
	_, brief := make1(t, a, Grant{Name: "brief", Role: domain.Auditor, Tenant: tenant, Lifetime: time.Hour})
	long, other := make1(t, a, Grant{Name: "long", Role: domain.Auditor, Tenant: tenant})
	ok := func(v *Vault, secret string, want bool) {
		t.Helper()
		if _, err := v.Authenticate(t.Context(), secret); (err == nil) != want || err != nil && !errors.Is(err, ErrUnauthorized) {
			t.Errorf("authenticated: %v, want %v", err, want)
		}
	}
	for _, v := range []*Vault{a, b} {
		ok(v, brief, true)
		ok(v, other, true)
	}
	scope := domain.Scope{Tenant: tenant}
	for _, wrong := range []domain.Scope{{Tenant: "ffffffffffffffffffffffffffffffff"}, {Tenant: tenant, Customer: "c1"}, {}} {
		if err := a.Revoke(t.Context(), wrong, long.ID); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("revoked from %+v: %v", wrong, err)
		}
	}
	if err := a.Revoke(t.Context(), scope, long.ID); err != nil {
		t.Fatal(err)
	}
	ok(a, other, false)
	c.pass(cacheLife) // the other portal may not know for so long, and no longer
	ok(b, other, false)
	if err := a.Revoke(t.Context(), scope, long.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	c.pass(time.Hour)
	ok(a, brief, false)
	list, err := a.List(t.Context(), scope, nil, 10)
	if err != nil || len(list) != 1 || list[0].Name != "brief" || list[0].LastUsedAt.IsZero() {
		t.Errorf("the list: %+v, %v", list, err)
	}
}

// A database that is away lets nobody in, and is not taken for "no such token".
func TestWithoutADatabaseNobodyIsLetIn(t *testing.T) {
	db := postgrestest.Pool(t)
	v, err := New(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, secret := make1(t, v, Grant{Name: "x", Role: domain.Auditor, Tenant: tenant})
	db.Close()
	if _, err := v.Authenticate(t.Context(), secret); err == nil || errors.Is(err, ErrUnauthorized) {
		t.Errorf("without a database: %v", err)
	}
}

func TestAnUnknownTokenIsLookedUpOnce(t *testing.T) {
	a, _, c := two(t)
	wrong := newSecret()
	for range 3 {
		if _, err := a.Authenticate(t.Context(), wrong); !errors.Is(err, ErrUnauthorized) {
			t.Fatal(err)
		}
	}
	a.db.Close() // what the cache holds needs no database
	if _, err := a.Authenticate(t.Context(), wrong); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a flood of one wrong token reaches the database: %v", err)
	}
	c.pass(cacheLife)
	if _, err := a.Authenticate(t.Context(), wrong); errors.Is(err, ErrUnauthorized) {
		t.Error("what the database said is trusted for too long")
	}
}

func TestWhatCannotBeMade(t *testing.T) {
	a, _, _ := two(t)
	id := uuid.New()
	make1(t, a, Grant{ID: id, Name: "once", Role: domain.Auditor, Tenant: tenant})
	if _, _, err := a.Create(t.Context(), Grant{ID: id, Name: "twice", Role: domain.Auditor, Tenant: tenant}); !errors.Is(err, ErrExists) {
		t.Errorf("the same id twice: %v", err)
	}
	for name, g := range map[string]Grant{
		"without a name": {Role: domain.Auditor}, "for too long": {Name: "x", Lifetime: MaxLifetime + 1}, "for less than no time": {Name: "x", Lifetime: -1},
	} {
		if _, _, err := a.Create(t.Context(), g); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}
