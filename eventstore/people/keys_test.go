package people

import (
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, postgrestest.IgnoreServer()) }

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
		if *v, err = Open(t.Context(), db, c.Now); err != nil {
			t.Fatal(err)
		}
	}
	return a, b, c
}

func TestEveryoneSealsWithTheSameKey(t *testing.T) {
	a, b, _ := two(t)
	if _, ok, err := b.keyOf(t, "s1"); ok || err != nil {
		t.Errorf("a key before one was made: %v", err)
	}
	var keys [20]eventstore.Key
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			var err error
			if keys[i], err = []*Vault{a, b}[i%2].Seal(t.Context(), "s1"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, k := range keys {
		if k != keys[0] || k == (eventstore.Key{}) {
			t.Error("two keys for one person")
		}
	}
	if other, err := a.Seal(t.Context(), "s2"); err != nil || other == keys[0] {
		t.Errorf("two people share a key, %v", err)
	}
}

func (v *Vault) keyOf(t *testing.T, s domain.Subject) (eventstore.Key, bool, error) {
	return v.Open(t.Context(), s)
}

func TestADestroyedKeyIsGoneEverywhereAndStaysSo(t *testing.T) {
	a, b, c := two(t)
	for _, v := range []*Vault{a, b} {
		if _, err := v.Seal(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice does no harm
		if err := a.Destroy(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := a.keyOf(t, "s1"); ok || err != nil {
		t.Errorf("the key is still there, %v", err)
	}
	c.pass(keyLife) // the other portal may not know for so long, and no longer
	if _, ok, err := b.keyOf(t, "s1"); ok || err != nil {
		t.Errorf("the other portal still has the key, %v", err)
	}
	for _, v := range []*Vault{a, b} {
		if _, err := v.Seal(t.Context(), "s1"); !errors.Is(err, eventstore.ErrErased) {
			t.Errorf("an erased person got a key again: %v", err)
		}
	}
	if err := a.Destroy(t.Context(), "never seen"); err != nil {
		t.Error(err)
	}
	if _, err := b.Seal(t.Context(), "never seen"); !errors.Is(err, eventstore.ErrErased) {
		t.Errorf("who was erased before he was written of got a key: %v", err)
	}
}

func TestWithoutADatabaseNobodyIsErased(t *testing.T) {
	a, _, c := two(t)
	if _, err := a.Seal(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	c.pass(keyLife)
	a.db.Close()
	if _, _, err := a.keyOf(t, "s1"); err == nil {
		t.Error("a database that is away was taken for a key that is gone")
	}
}
