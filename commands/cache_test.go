package commands

import (
	"fmt"
	"testing"

	"avportal/domain"
)

func stream(i int) domain.Stream {
	return domain.Stream{Tenant: "0123456789abcdef0123456789abcdef", Kind: domain.KindDevice, ID: fmt.Sprint(i)}
}

// whole checks that the map and the clock hold the same, each at its place.
func whole(t *testing.T, c *cache) {
	t.Helper()
	if len(c.byKey) != len(c.clock) || len(c.clock) > c.size {
		t.Fatalf("%d by key, %d on the clock, of %d", len(c.byKey), len(c.clock), c.size)
	}
	for i, a := range c.clock {
		if int(a.at) != i || c.byKey[a.key] != a {
			t.Fatalf("the aggregate at %d stands as the one at %d", i, a.at)
		}
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(10)
	favorite := c.get(stream(0))
	for i := 1; i < 1000; i++ {
		if c.get(stream(i)) != c.byKey[keyOf(stream(i))] {
			t.Fatalf("aggregate %d is not in the cache", i)
		}
		if c.get(stream(0)) != favorite {
			t.Fatalf("after %d others the one that is used all the time was dropped", i)
		}
		whole(t, c)
	}
}

func TestCacheForgetsOneAggregateOnly(t *testing.T) {
	c := newCache(10)
	var all []*aggregate
	for i := range 10 {
		all = append(all, c.get(stream(i)))
	}
	for i := 0; i < 10; i += 3 {
		c.evict(all[i])
		whole(t, c)
	}
	again := c.get(stream(3))
	c.evict(all[3]) // the one before
	whole(t, c)
	if again == all[3] || c.get(stream(3)) != again || c.get(stream(4)) != all[4] || len(c.clock) != 7 {
		t.Error("another was forgotten")
	}
	for i := range 100 { // dropped ones leave room
		c.get(stream(i))
		whole(t, c)
	}
}

func TestStreamsOfOtherKindsHaveOtherKeys(t *testing.T) {
	s := stream(1)
	telemetry, other := s, s
	telemetry.Telemetry = true
	other.Kind = domain.KindLicense
	if keyOf(s) == keyOf(telemetry) || keyOf(s) == keyOf(other) || keyOf(s) != keyOf(stream(1)) {
		t.Error("keys do not tell streams apart")
	}
}
