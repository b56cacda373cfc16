package main

import (
	"context"
	"runtime"

	"avportal/cmd/bench/internal/workload"
	"avportal/commands"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// memory takes the size of the cache of aggregates: what it adds to the heap when it is filled.
func (b *bench) memory(ctx context.Context) ([]row, error) {
	store := memory.New(catalog.Registry())
	fleet := workload.New(5, workload.Shape{Tenants: 10, Devices: b.aggregates})
	put := func(a workload.Append) error {
		_, err := store.Append(ctx, a.Stream, a.After, a.Events)
		return err
	}
	if err := fleet.Ground(put); err != nil {
		return nil, err
	}
	if err := fleet.Begin(put); err != nil {
		return nil, err
	}
	handler := commands.New(store, commands.CacheSize(b.aggregates))
	streams := make([]func() error, b.aggregates)
	for i := range streams {
		d := fleet.Device(i)
		streams[i] = func() error {
			return commands.Peek(ctx, handler, device.Stream(d.Tenant, d.ID), func(device.State, eventstore.Revision) {})
		}
	}
	before := heap()
	for _, load := range streams {
		if err := load(); err != nil {
			return nil, err
		}
	}
	each := float64(heap()-before) / float64(b.aggregates)
	for _, alive := range []any{handler, store, fleet, streams} { // else they would be missing from the second figure
		runtime.KeepAlive(alive)
	}
	return []row{counted(t20, "bytes per cached aggregate (device)", each).
		noted("state, command ids, stream name and cache entry of %d devices with two events each.", b.aggregates)}, nil
}

// heap is what is alive after two collections: the second frees what the first has finalized.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // a heap is not that large
}
