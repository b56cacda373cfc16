package commands_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// told is how all devices have told that they are protected.
var told = device.Guards{Engine: device.On, Mail: device.Off}

// cachedDevices fills a handler's cache with devices of two events, forty in each group.
func cachedDevices(tb testing.TB, n int) (h *commands.Handler, devices []domain.DeviceID) {
	tb.Helper()
	store := memory.New(catalog.Registry())
	var group domain.GroupID
	var owner domain.CustomerID
	for i := range n {
		if i%40 == 0 {
			owner, group = domain.CustomerID(uuid.NewString()), domain.NewGroupID(domain.LicenseID(uuid.NewString()), "main")
		}
		id := domain.DeviceID(uuid.NewString())
		for r, e := range []domain.Event{
			device.Enrolled{Tenant: tenant, Customer: owner, License: group.License(), Group: group, Device: id, GUID: uuid.NewString()},
			device.GuardsChanged{Device: id, To: told},
		} {
			proposed := []eventstore.Proposed{{ID: uuid.New(), Event: e, Meta: eventstore.Metadata{Command: uuid.New()}}}
			if _, err := store.Append(tb.Context(), device.Stream(tenant, id), eventstore.Revision(r-1), proposed); err != nil {
				tb.Fatal(err)
			}
		}
		devices = append(devices, id)
	}
	return commands.New(store, commands.CacheSize(n)), devices
}

func peekAll(ctx context.Context, h *commands.Handler, devices []domain.DeviceID) error {
	for _, id := range devices {
		err := commands.Peek(ctx, h, device.Stream(tenant, id), func(device.State, eventstore.Revision) {})
		if err != nil {
			return err
		}
	}
	return nil
}

// A portal keeps a million devices at hand.
func TestCachedDevicesAreSmallInMemory(t *testing.T) {
	for _, n := range []int{5_000, 20_000} {
		h, devices := cachedDevices(t, n)
		before := heap()
		if err := peekAll(t.Context(), h, devices); err != nil {
			t.Fatal(err)
		}
		each := float64(heap()-before) / float64(n)
		t.Logf("%.1f bytes for each of %d cached devices", each, n)
		if each > 128 {
			t.Errorf("a cached device takes %.1f bytes", each)
		}
		runtime.KeepAlive(h)
		runtime.KeepAlive(devices)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // a heap is not that large
}

// BenchmarkDo is a command on a cached aggregate, with a store that costs next to nothing.
func BenchmarkDo(b *testing.B) {
	h, devices := cachedDevices(b, 50_000)
	if err := peekAll(b.Context(), h, devices); err != nil {
		b.Fatal(err)
	}
	next := 0 // goes on where the run before ended
	report := func(b *testing.B, g device.Guards, events int) {
		c := device.Report{Tenant: tenant, Device: devices[next*7919%len(devices)], Guards: g, At: now}
		next++
		if res, err := commands.Do(b.Context(), h, request(domain.SystemActor("bench", tenant)), c); err != nil || res.Events != events {
			b.Fatal(res, err)
		}
	}
	b.Run("already so", func(b *testing.B) {
		for b.Loop() {
			report(b, told, 0)
		}
	})
	next = 0
	b.Run("one event", func(b *testing.B) {
		for b.Loop() {
			g := told
			g.Engine = device.Guard(1 + next/len(devices)%2) // off all round, then on
			report(b, g, 1)
		}
	})
	b.Run("peek", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if err := peekAll(b.Context(), h, devices[i*7919%len(devices):][:1]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
