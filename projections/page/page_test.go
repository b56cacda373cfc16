package page_test

import (
	"errors"
	"slices"
	"testing"

	"avportal/domain"
	"avportal/projections/page"
)

type filter struct{ Search string }

func TestACursorFitsOnlyTheListItCameFrom(t *testing.T) {
	scope := domain.Scope{Tenant: "t1", Customer: "c1"}
	of := page.Of{List: "devices", Scope: scope, Filter: filter{"x"}}
	c, err := of.Cursor("Büro-1", "d1")
	if err != nil {
		t.Fatal(err)
	}
	if key, err := of.Key(c, 2); err != nil || !slices.Equal(key, []string{"Büro-1", "d1"}) {
		t.Fatalf("got %v, %v", key, err)
	}
	for name, other := range map[string]page.Of{
		"list":     {List: "licenses", Scope: scope, Filter: filter{"x"}},
		"tenant":   {List: "devices", Scope: domain.Scope{Tenant: "t2", Customer: "c1"}, Filter: filter{"x"}},
		"customer": {List: "devices", Scope: domain.Scope{Tenant: "t1"}, Filter: filter{"x"}},
		"filter":   {List: "devices", Scope: scope, Filter: filter{"y"}},
	} {
		if _, err := other.Key(c, 2); !errors.Is(err, page.ErrCursor) {
			t.Errorf("with another %s: %v", name, err)
		}
	}
	for _, damaged := range []string{"x", c[:len(c)-4], "e30", c + "AA"} {
		if _, err := of.Key(damaged, 2); !errors.Is(err, page.ErrCursor) {
			t.Errorf("damaged cursor %q: %v", damaged, err)
		}
	}
	if _, err := of.Key(c, 3); !errors.Is(err, page.ErrCursor) {
		t.Errorf("a cursor with another number of parts: %v", err)
	}
	if key, err := of.Key("", 2); key != nil || err != nil {
		t.Errorf("no cursor: %v, %v", key, err)
	}
}

func TestLimits(t *testing.T) {
	for asked, want := range map[int]int{-1: 25, 0: 25, 1: 1, 200: 200, 201: 200} {
		if got := page.Limit(asked); got != want {
			t.Errorf("Limit(%d) = %d, want %d", asked, got, want)
		}
	}
}
