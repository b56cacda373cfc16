package node_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"avportal/eventstore/node/nodetest"
)

// The event of the benchmarks is what a device report looks like: about 300 bytes of facts, and the metadata
// that every event of the portal carries.
const benchTenant = "5f0c6d2e8b7a4c3d9e1f0a2b4c6d8e0f"

func benchData() []byte {
	return fmt.Appendf(nil, `{"engine":"ClamAV 1.4.2","signatures":"2026-11-23T06:00:00Z","os":"Windows 11 Pro 24H2","addresses":["10.0.12.7","fe80::1"],"protection":"on","lastScan":"2026-11-22T23:10:04Z","threats":0,"padding":"%0120d"}`, 7)
}

// benchMetadata has a correlation of its own for each event: the dearest case, for it makes a stream of its own.
func benchMetadata(id uuid.UUID) []byte {
	b := make([]byte, 0, 192)
	b = append(append(b, `{"$correlationId":"`...), id.String()...)
	b = append(append(b, `","$causationId":"`...), id.String()...)
	return append(b, `","actor":{"kind":"client","id":"5f0c6d2e-8b7a-4c3d-9e1f-0a2b4c6d8e0f"},"v":1}`...)
}

// benchID makes ids that are unique in a run and cost nothing.
func benchID(writer, i int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(writer)+1)
	binary.BigEndian.PutUint64(id[8:], uint64(i)*0x9e3779b97f4a7c15)
	return id
}

var benchWriters = []int{1, 16, 64, 256}

// spread runs b.N calls of write over a number of goroutines.
func spread(b *testing.B, writers int, write func(writer, i int)) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	before := cpuTime(b)
	b.ResetTimer()
	for w := range writers {
		wg.Go(func() {
			for i := 0; left.Add(-1) >= 0; i++ {
				write(w, i)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric((cpuTime(b)-before)*1e6/float64(b.N), "cpu-us/op")
}

// cpuTime is what the process has used of all processors, seconds. Unlike the time that passed it does not depend
// on what else the machine does.
func cpuTime(tb testing.TB) float64 {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkAppendBatch(b *testing.B) {
	for _, writers := range benchWriters {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			spread(b, writers, batchWriter(b, writers))
		})
	}
}

// batchWriter returns the durable append of the benchmarks: each writer has a stream of its own.
func batchWriter(tb testing.TB, writers int) func(w, i int) {
	tb.Helper()
	batch := newBatcher(tb, nodetest.Start(tb))
	names := make([]string, writers)
	for w := range names {
		names[w] = benchTenant + "-device-" + uuid.NewString()
	}
	next := make([]int, writers)
	data := benchData()
	return func(w, _ int) {
		i := next[w]
		next[w]++
		var expected any = esdb.NoStream{}
		if i > 0 {
			expected = i - 1
		}
		resp := batch.call(&streams.BatchAppendReq{Options: batchOptions(names[w], expected), IsFinal: true,
			ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(benchID(w, i), data, benchMetadata(benchID(w, i)))}})
		if resp.GetSuccess() == nil {
			tb.Error(resp)
		}
	}
}

func BenchmarkAppendUnary(b *testing.B) {
	for _, writers := range benchWriters {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			c := connect(b, nodetest.Start(b))
			names := make([]string, writers)
			for w := range names {
				names[w] = benchTenant + "-device-" + uuid.NewString()
			}
			data := benchData()
			spread(b, writers, func(w, i int) {
				var expected esdb.ExpectedRevision = esdb.NoStream{}
				if i > 0 {
					expected = esdb.Revision(uint64(i - 1))
				}
				e := esdb.EventData{EventID: benchID(w, i), EventType: "reported", ContentType: esdb.ContentTypeJson, Data: data, Metadata: benchMetadata(benchID(w, i))}
				if _, err := c.AppendToStream(context.Background(), names[w], esdb.AppendToStreamOptions{ExpectedRevision: expected}, e); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkPebbleAlone is the engine under the node, with the same bytes and one synced write per append.
func BenchmarkPebbleAlone(b *testing.B) {
	for _, writers := range benchWriters {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			spread(b, writers, pebbleWriter(b))
		})
	}
}

func pebbleWriter(tb testing.TB) func(w, i int) {
	tb.Helper()
	db, err := pebble.Open(tb.TempDir(), &pebble.Options{Logger: quiet{}, MemTableSize: 32 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	data := benchData()
	var position atomic.Uint64
	return func(w, i int) {
		key := binary.BigEndian.AppendUint64(nil, position.Add(1))
		value := append(append([]byte("reported"), data...), benchMetadata(benchID(w, i))...)
		if err := db.Set(key, value, pebble.Sync); err != nil {
			tb.Error(err)
		}
	}
}

// BenchmarkAppendRatio is figure T23: durable appends through the node, over those of the engine alone, in short turns
// of one run, so that what else the machine does meets both. Printed is the median of the turns.
func BenchmarkAppendRatio(b *testing.B) {
	const turns, appends = 9, 20_000
	for _, writers := range []int{64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			node, engine := batchWriter(b, writers), pebbleWriter(b)
			var ratios []float64
			for b.Loop() {
				for range turns {
					ratios = append(ratios, turn(writers, appends, engine).Seconds()/turn(writers, appends, node).Seconds())
				}
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// turn is how long a number of writes takes.
func turn(writers, writes int, write func(writer, i int)) time.Duration {
	began := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range writes / writers {
				write(w, i)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// BenchmarkFdatasync is the limit of the disk: one caller, 4 KiB and a flush.
func BenchmarkFdatasync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	spread(b, 1, func(_, i int) {
		if _, err := f.WriteAt(block, int64(i%4096)*4096); err != nil {
			b.Error(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Error(err)
		}
	})
}
