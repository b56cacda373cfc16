package esdb

import (
	"context"
	"testing"
	"time"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/node/nodetest"
	"avportal/eventstore/storetest"
)

func open(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	if cfg.Registry == nil {
		cfg.Registry = storetest.Registry()
	}
	s, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	n := nodetest.Start(t)
	for _, unary := range []bool{false, true} {
		t.Run(map[bool]string{false: "batch", true: "unary"}[unary], func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, r *domain.Registry) eventstore.Store {
				s := open(t, Config{ConnectionString: n.ConnectionString(), Registry: r})
				s.unary = unary
				return s
			})
		})
	}
}
