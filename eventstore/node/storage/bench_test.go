package storage_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// BenchmarkWrite is the log without gRPC: durable appends of one event, with the links of two projections.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			b.ReportAllocs()
			db := open(b, storage.Options{Dir: b.TempDir(), Projections: []storage.Projection{storage.ByCategory, storage.ByCorrelationID}})
			defer closeDB(b, db)
			data := make([]byte, 330)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					done := make(chan struct{}, 1)
					stream := "5f0c6d2e8b7a4c3d9e1f0a2b4c6d8e0f-device-" + uuid.NewString()
					for i := 0; left.Add(-1) >= 0; i++ {
						var id uuid.UUID
						binary.BigEndian.PutUint64(id[:8], uint64(w)+1)
						binary.BigEndian.PutUint64(id[8:], uint64(i)*0x9e3779b97f4a7c15)
						metadata := append(append([]byte(`{"$correlationId":"`), id.String()...), `","actor":{"kind":"client","id":"5f0c6d2e-8b7a-4c3d-9e1f-0a2b4c6d8e0f"},"v":1}`...)
						a := &storage.Append{Stream: stream, Expected: storage.Expected(i - 1), Done: func(*storage.Append) { done <- struct{}{} },
							Events: []storage.Event{{ID: id, Type: "reported", JSON: true, Data: data, Metadata: metadata}}}
						db.Submit(a)
						if <-done; a.Err != nil {
							b.Error(a.Err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}
