package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/cmd/internal/portal"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// httpReads compares a read over HTTP with the bare look-up of a row, by one client, on the whole portal.
func (b *bench) httpReads(ctx context.Context) (rows []row, err error) {
	const name = "whole"
	if err := b.database(ctx, name, ""); err != nil {
		return nil, err
	}
	address, err := b.databaseURL(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := portal.Start(ctx, portal.Config{
		Listen: "127.0.0.1:0", NodeListen: "127.0.0.1:0", DataDir: filepath.Join(b.dir, "portal"), PostgresURL: address, Log: b.log,
		RequestsPerSecond: 1e6,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close(), b.drop(ctx, name)) }()
	fleet := workload.New(6, workload.Shape{Tenants: 1, Devices: b.devices})
	l := newLoader(ctx, p.Store())
	defer l.close()
	if err := l.begin(fleet); err != nil {
		return nil, err
	}
	if err := p.WaitCaughtUp(ctx); err != nil {
		return nil, err
	}
	token, err := p.DevelopmentToken(ctx, fleet.Tenants()[0], "bench")
	if err != nil {
		return nil, err
	}
	db, err := projections.OpenReaders(ctx, address, portal.Views()...)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return b.compareReads(ctx, fleet, db, p.URL(), token)
}

func (b *bench) compareReads(ctx context.Context, fleet *workload.Fleet, db *pgxpool.Pool, url, token string) ([]row, error) {
	client := &http.Client{}
	defer client.CloseIdleConnections()
	asked := 0
	next := func() *workload.Device { asked++; return fleet.Device(asked % fleet.Enrolled()) }
	ask := func(name string, one func(*workload.Device) error) measure.Way {
		return measure.Way{Name: name, Run: func(context.Context) (s measure.Sample, err error) {
			for range 100 {
				d := next()
				began := time.Now()
				if err := one(d); err != nil {
					return s, err
				}
				s.Latencies = append(s.Latencies, time.Since(began))
				s.Took += time.Since(began)
				s.Ops++
			}
			return s, nil
		}}
	}
	plan := b.plan(max(5, int(b.slice.Milliseconds()/40)))
	plan.Disk = nil // nothing is written
	rounds, err := plan.Run(ctx,
		ask("http", func(d *workload.Device) error { return get(ctx, client, url+"/api/v1/devices/"+string(d.ID), token) }),
		ask("select", func(d *workload.Device) error {
			var hostname string
			var threats int
			return db.QueryRow(ctx, `SELECT hostname, threats FROM device WHERE tenant = $1 AND device = $2`, d.Tenant, rowkey.Key(d.ID)).Scan(&hostname, &threats)
		}))
	if err != nil {
		return nil, err
	}
	p99, p50 := quantile("http", 0.99), quantile("http", 0.5)
	return []row{
		compared(t16, "GET of one device over HTTP, one client, p99", "bare select by primary key, p99", rounds, over(p99, quantile("select", 0.99))).
			absolute(rounds, p99, quantile("select", 0.99), latency),
		compared(noTarget, "GET of one device over HTTP, one client, p50", "bare select by primary key, p50", rounds, over(p50, quantile("select", 0.5))).
			absolute(rounds, p50, quantile("select", 0.5), latency),
	}, nil
}

func get(ctx context.Context, client *http.Client, url, token string) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	rq.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(rq)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %d: %s", url, answer.StatusCode, text)
	}
	return err
}
