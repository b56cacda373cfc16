package api_test

import (
	"context"
	"testing"
	"time"

	"avportal/domain/catalog"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node/nodetest"
)

// The same over the real protocol: the official client, gRPC, and a node that keeps its log on disk.
func TestOverANode(t *testing.T) {
	for name, scene := range map[string]func(*testing.T, *portal){
		"devices": theDevices, "jobs": theJobs, "activity": oneActivity, "stream": theStream, "past": thePast,
	} {
		t.Run(name, func(t *testing.T) {
			n := nodetest.Start(t)
			store, err := esdb.Open(esdb.Config{ConnectionString: n.ConnectionString(), Registry: catalog.Registry()})
			check(t, err)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				check(t, store.Close(ctx))
			})
			scene(t, startOn(t, store))
		})
	}
}
