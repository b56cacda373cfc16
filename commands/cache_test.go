package commands

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
)

func stream(i int) domain.Stream {
	return domain.Stream{Tenant: "0123456789abcdef0123456789abcdef", Kind: domain.KindDevice, ID: fmt.Sprint(i)}
}

func obtained(c *cache, i int) *aggregate { return obtain[device.State](c, stream(i)).base() }

// held is the aggregate that is in the cache, if any. To look does not use it.
func held(c *cache, i int) *aggregate {
	if slot, found := c.find(c.keyOf(stream(i))); found {
		return c.slots[slot].base()
	}
	return nil
}

// whole checks that all that is in the cache is found, and that a search for anything else ends.
func whole(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *cache) {
	t.Helper()
	n := 0
	for i, s := range c.slots {
		if s == nil {
			continue
		}
		if slot, found := c.find(s.base().key); !found || slot != i {
			t.Fatalf("what stands in slot %d is looked for in %d", i, slot)
		}
		n++
	}
	if n != c.count || n > c.size || n > len(c.slots)*4/5 || len(c.slots) > c.size*5/4+5 {
		t.Fatalf("%d in %d slots, counted as %d, of a size of %d", n, len(c.slots), c.count, c.size)
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(10)
	favorite := obtained(c, 0)
	for i := 1; i < 1000; i++ {
		if obtained(c, i) != held(c, i) {
			t.Fatalf("aggregate %d is not in the cache", i)
		}
		if obtained(c, 0) != favorite {
			t.Fatalf("after %d others the one that is used all the time was dropped", i)
		}
		whole(t, c)
	}
}

func TestCacheKeepsTheNewest(t *testing.T) {
	c := newCache(1000)
	for i := range 10_000 {
		obtained(c, i)
		if last := i - 300; i > 3000 && held(c, last) == nil { // when it is full for the first time all look equally old
			t.Fatalf("of a thousand %d is gone already, and %d has just come", last, i)
		}
	}
}

func TestCacheForgetsOneAggregateOnly(t *testing.T) {
	c := newCache(10)
	var all []*aggregate
	for i := range 10 {
		all = append(all, obtained(c, i))
	}
	for i := 0; i < 10; i += 3 {
		c.evict(all[i])
		whole(t, c)
	}
	again := obtained(c, 3)
	c.evict(all[3]) // the one before
	whole(t, c)
	if again == all[3] || held(c, 3) != again || held(c, 4) != all[4] || c.count != 7 {
		t.Error("another was forgotten")
	}
	c.clear()
	whole(t, c)
	if c.count != 0 || held(c, 4) != nil {
		t.Error("not all were forgotten")
	}
}

func TestCacheStaysWholeWhateverIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCache(rapid.IntRange(1, 40).Draw(t, "size"))
		for _, op := range rapid.SliceOfN(rapid.IntRange(-60, 60), 1, 300).Draw(t, "operations") {
			before := held(c, max(op, -op))
			switch {
			case op >= 0:
				now := obtained(c, op)
				if held(c, op) != now || before != nil && before != now {
					t.Fatalf("%d is not what it was, or not there", op)
				}
			case before != nil:
				c.evict(before)
				if held(c, -op) != nil {
					t.Fatalf("%d was not forgotten", -op)
				}
			}
			whole(t, c)
		}
	})
}

func TestWhoeverUsesAForgottenAggregateLooksAtTheStore(t *testing.T) {
	c := newCache(2)
	var all []*aggregate
	for i := range 4 {
		all = append(all, obtained(c, i))
	}
	c.clear()
	for i, a := range all {
		c.notice(stream(i), 7) // no longer meant for it
		if !a.outdated() {
			t.Errorf("aggregate %d passes for known, though nobody tells it of events", i)
		}
	}
	known := obtained(c, 0)
	c.notice(stream(0), 7)
	if known.events = 8; known.outdated() {
		t.Error("an aggregate with all events of its stream passes for outdated")
	}
	if known.events = 7; !known.outdated() {
		t.Error("an aggregate that lacks an event passes for known")
	}
}

func TestAStreamIsTakenForOneKindAtATime(t *testing.T) {
	c := newCache(10)
	wrong := obtain[license.State](c, stream(1))
	right := obtain[device.State](c, stream(1))
	whole(t, c)
	if held(c, 1) != right.base() || !wrong.outdated() || c.count != 1 {
		t.Error("the wrong kind is still in the cache")
	}
}

func TestStreamsOfOtherKindsHaveOtherKeys(t *testing.T) {
	c := newCache(10)
	s := stream(1)
	telemetry, other := s, s
	telemetry.Telemetry = true
	other.Kind = domain.KindLicense
	if c.keyOf(s) == c.keyOf(telemetry) || c.keyOf(s) == c.keyOf(other) || c.keyOf(s) != c.keyOf(stream(1)) {
		t.Error("keys do not tell streams apart")
	}
	if c.keyOf(s) == newCache(10).keyOf(s) {
		t.Error("keys can be known beforehand")
	}
}
