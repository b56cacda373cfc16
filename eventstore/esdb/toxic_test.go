package esdb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"avportal/eventstore/node/nodetest"
)

// network is a proxy between store and node that can be made to misbehave.
type network struct{ *toxiproxy.Proxy }

func newNetwork(t *testing.T, upstream string) network {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "node", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return network{p}
}

// with runs f while the network has a fault.
func (n network) with(t *testing.T, fault string, f func()) {
	t.Helper()
	if _, err := n.Toxics.AddToxicJson(strings.NewReader(fault)); err != nil {
		t.Fatal(err)
	}
	f()
	n.Toxics.ResetToxics(context.Background())
}

// Answers get lost, connections are reset in the middle of appends, come to a standstill, or crawl. Nothing
// acknowledged is lost or doubled, and a subscriber sees it all.
func TestNetworkMisbehaves(t *testing.T) {
	for _, unary := range []bool{false, true} {
		t.Run(map[bool]string{false: "batch", true: "unary"}[unary], func(t *testing.T) {
			n := nodetest.Start(t)
			wire := newNetwork(t, n.Addr().String())
			s := open(t, Config{ConnectionString: fmt.Sprintf("esdb://%s?tls=false", wire.Listen), CallTimeout: 400 * time.Millisecond})
			s.unary = unary
			l := newLoad(s, 2*time.Second)
			stop := make(chan struct{})
			var group sync.WaitGroup
			group.Go(func() { l.run(8, stop) })
			reader := follow(s)
			for round := range 3 {
				for _, fault := range []string{
					`{"name":"f","type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`,
					`{"name":"f","type":"reset_peer","stream":"upstream","attributes":{"timeout":20}}`,
					`{"name":"f","type":"limit_data","stream":"downstream","attributes":{"bytes":20000}}`,
					`{"name":"f","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`,
					`{"name":"f","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`,
					`{"name":"f","type":"latency","stream":"downstream","attributes":{"latency":100,"jitter":50}}`,
					`{"name":"f","type":"slicer","stream":"upstream","attributes":{"average_size":40,"size_variation":20,"delay":50}}`,
				} {
					wire.with(t, fault, func() { time.Sleep(250 * time.Millisecond) })
					acked := l.count()
					eventually(t, fmt.Sprintf("round %d: nothing goes on after %s", round, fault), func() bool { return l.count() > acked+8 })
				}
			}
			close(stop)
			group.Wait()
			l.check(t)
			reader.check(t, s)
			eventually(t, "calls still hang in the client", func() bool { return len(s.calls) == 0 })
		})
	}
}
