package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
)

// fixed is a Watermill subscriber that hands out given messages, one after the other.
type fixed struct {
	messages func(context.Context) []*message.Message
	done     chan struct{}
}

func (f *fixed) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for _, m := range f.messages(ctx) {
			out <- m
			<-m.Acked()
		}
		close(f.done)
	}()
	return out, nil
}

func (f *fixed) Close() error { return nil }

func throughWatermill(b *testing.B, messages func(context.Context) []*message.Message, handle message.NoPublishHandlerFunc) time.Duration {
	b.Helper()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	f := &fixed{messages, make(chan struct{})}
	router.AddConsumerHandler("h", "t", f, func(m *message.Message) error {
		if err := handle(m); err != nil {
			b.Error(err)
		}
		return nil
	})
	start := time.Now()
	go func() { _ = router.Run(b.Context()) }()
	<-f.done
	took := time.Since(start)
	if err := router.Close(); err != nil {
		b.Error(err)
	}
	return took
}

// naively is what most would write: one message, one event, one transaction with its statements one after the other.
func naively(b *testing.B, db *pgxpool.Pool, run int, history []eventstore.Recorded) time.Duration {
	b.Helper()
	e, v := ready(b, db, run)
	e.Stop()
	table, counts := pgx.Identifier{v.Name, "device"}.Sanitize(), pgx.Identifier{v.Name, "device_count"}.Sanitize()
	count := `INSERT INTO ` + counts + ` AS c VALUES ($1::text::uuid, $2, $3, $4) ON CONFLICT (tenant, customer, status) DO UPDATE SET devices = c.devices + $4`
	return throughWatermill(b, func(ctx context.Context) (out []*message.Message) {
		for _, batch := range batches(history, 1) {
			out = append(out, eventstore.NewMessage(ctx, batch))
		}
		return out
	}, func(m *message.Message) error {
		ctx := m.Context()
		batch, _ := eventstore.BatchFrom(ctx)
		r := batch.Events[0]
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
			exec := func(sql string, args ...any) {
				if err == nil {
					_, err = tx.Exec(ctx, sql, args...)
				}
			}
			switch e := r.Event.(type) {
			case enrolled:
				exec(`INSERT INTO `+table+` VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5, 'new', '', $6)`, r.Stream.Tenant, r.Stream.ID, e.Customer, e.License, e.Name, r.At)
				exec(count, r.Stream.Tenant, e.Customer, "new", 1)
			case reported:
				var customer, status string
				err = tx.QueryRow(ctx, `SELECT customer, status FROM `+table+` WHERE tenant = $1::text::uuid AND id = $2::text::uuid`, r.Stream.Tenant, r.Stream.ID).Scan(&customer, &status)
				exec(`UPDATE `+table+` SET status = $3, version = $4, seen = $5 WHERE tenant = $1::text::uuid AND id = $2::text::uuid`, r.Stream.Tenant, r.Stream.ID, e.Status, e.Version, e.At)
				if status != e.Status {
					exec(count, r.Stream.Tenant, customer, status, -1)
					exec(count, r.Stream.Tenant, customer, e.Status, 1)
				}
			}
			exec(`UPDATE portal.generation SET commit = $2, prepare = $2 WHERE schema = $1`, v.Name, int64(r.Position.Commit)) //nolint:gosec // small
			return err
		})
	})
}
