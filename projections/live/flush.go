package live

import (
	"context"
	_ "embed"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections/rowkey"
)

var (
	//go:embed touch.sql
	touchSQL string
	//go:embed forget.sql
	forgetSQL string
)

// Flush writes what waits now. If that fails, it waits on for the next flush, together with what has come since.
func (s *Seen) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	touched, gone := s.touched, s.gone
	s.touched, s.gone = map[deviceKey]touch{}, map[deviceKey]struct{}{}
	s.mu.Unlock()
	if len(touched)+len(gone) == 0 {
		return nil
	}
	err := s.write(ctx, touched, gone)
	if err != nil {
		s.putBack(touched, gone)
	}
	return err
}

func (s *Seen) putBack(touched map[deviceKey]touch, gone map[deviceKey]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, t := range s.touched {
		if t.at.After(touched[k].at) {
			touched[k] = t
		}
		delete(gone, k) // heard of again since
	}
	for k := range s.gone {
		delete(touched, k)
	}
	maps.Copy(gone, s.gone)
	s.touched, s.gone = touched, gone
}

// write takes a lock that all portals share, so that counting old against new times sees nobody else's half of it.
func (s *Seen) write(ctx context.Context, touched map[deviceKey]touch, gone map[deviceKey]struct{}) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`SET LOCAL synchronous_commit = off`) // the next contact makes good what a crash loses
		b.Queue(`SELECT pg_advisory_xact_lock($1)`, lockFlush)
		if len(touched) > 0 {
			b.Queue(touchSQL, touchArgs(touched)...)
		}
		if len(gone) > 0 {
			b.Queue(forgetSQL, goneArgs(gone)...)
		}
		b.Queue(`DELETE FROM live.seen_count WHERE devices <= 0`)
		return tx.SendBatch(ctx, &b).Close()
	})
}

func touchArgs(touched map[deviceKey]touch) []any {
	var (
		tenants []domain.Tenant
		devices []rowkey.Key
		times   []time.Time
		ips     []string
	)
	for k, t := range touched {
		tenants, devices = append(tenants, k.tenant), append(devices, k.device)
		times, ips = append(times, t.at), append(ips, t.ip)
	}
	return []any{tenants, devices, times, ips}
}

func goneArgs(gone map[deviceKey]struct{}) []any {
	var (
		tenants []domain.Tenant
		devices []rowkey.Key
	)
	for k := range gone {
		tenants, devices = append(tenants, k.tenant), append(devices, k.device)
	}
	return []any{tenants, devices}
}
