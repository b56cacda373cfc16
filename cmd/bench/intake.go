package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/http/agent"
	"avportal/http/agent/wire"
)

// intake compares reports over HTTP with the commands that they come to.
func (b *bench) intake(ctx context.Context) (rows []row, err error) {
	const name = "intake"
	if err := b.database(ctx, name, ""); err != nil {
		return nil, err
	}
	err = b.inDatabase(ctx, name, func(db *pgxpool.Pool) error {
		rows, err = b.withWriting(ctx, func(w *writing) ([]row, error) { return b.intakeOn(ctx, w, db) })
		return err
	})
	return rows, errors.Join(err, b.drop(ctx, name))
}

const connections = 64

func (b *bench) intakeOn(ctx context.Context, w *writing, db *pgxpool.Pool) ([]row, error) {
	s, err := newReporting(ctx, w, db)
	if err != nil {
		return nil, err
	}
	defer s.close()
	following, stop := context.WithCancel(ctx)
	defer stop()
	go w.handler.Follow(following, w.store) // as in the portal: half of what a report comes to is to find that nothing has changed
	// Once over all devices: what is only looked up or told the first time does not count.
	for i := range w.each {
		if err := s.send(ctx, w.device(ours, i)); err != nil {
			return nil, err
		}
	}
	half := func(name string, send func(context.Context, *workload.Device) error) measure.Way {
		return w.way(name, ours, connections, b.slice/2, send)
	}
	rounds, err := b.plan(2).Run(ctx, half("http", s.send), half("commands", w.viaPortal))
	if err != nil {
		return nil, err
	}
	return []row{compared(t17, "reports over HTTP, 64 connections", "the same commands without HTTP", rounds, over(rate("http"), rate("commands"))).
		absolute(rounds, rate("http"), rate("commands"), perSecond).
		noted("clients in the same process; p99 %s beside %s.", latency(median(rounds, quantile("http", 0.99))), latency(median(rounds, quantile("commands", 0.99))))}, nil
}

// reporting sends reports to the device API.
type reporting struct {
	w      *writing
	server *http.Server
	client *http.Client
	url    string
	secret [wire.SecretBytes]byte
}

func newReporting(ctx context.Context, w *writing, db *pgxpool.Pool) (*reporting, error) {
	credentials, err := agent.NewCredentials(ctx, db)
	if err != nil {
		return nil, err
	}
	s := &reporting{w: w, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
	for i := range w.each {
		d := w.device(ours, i)
		if err := credentials.Put(ctx, d.ID, d.Tenant, wire.HashSecret(s.secret)); err != nil {
			return nil, err
		}
	}
	handler, err := agent.New(agent.Config{
		Commands: w.handler, Credentials: credentials, Seen: func(domain.Tenant, domain.DeviceID, time.Time) {},
		Now: time.Now, DevicesPerSecond: 1e6,
	})
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	s.url = "http://" + listener.Addr().String() + wire.ReportsPath
	go func() { _ = s.server.Serve(listener) }() // it returns when it is closed
	return s, nil
}

func (s *reporting) close() {
	_ = s.server.Close()
	s.client.CloseIdleConnections()
}

// send reports that a guard has changed, with all the rest as it was.
func (s *reporting) send(ctx context.Context, d *workload.Device) error {
	now := time.Now().UTC()
	c := workload.Report(d, now)
	id := uuid.New()
	var entropy [10]byte
	binary.BigEndian.PutUint64(entropy[:], binary.BigEndian.Uint64(id[8:]))
	report := ulid.ULID{}
	if err := errors.Join(report.SetTime(ulid.Timestamp(now)), report.SetEntropy(entropy[:])); err != nil {
		return err
	}
	body, err := json.Marshal(wire.Report{
		ID: report.String(), At: now, Guards: wireGuards(c.Guards), Threats: []wire.Threat{},
		Facts: wire.Facts{
			Hostname: d.Facts.Hostname, OS: d.Facts.OS, OSVersion: d.Facts.OSVersion, Arch: d.Facts.Arch, IP: d.Facts.IP, Domain: d.Facts.Domain,
			ClientVersion: d.Facts.ClientVersion, Engine: d.Facts.Engine, EngineVersion: d.Facts.EngineVersion,
			SignatureVersion: d.Facts.SignatureVersion, SignatureDate: &d.Facts.SignatureDate,
		},
	})
	if err != nil {
		return err
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	rq.Header.Set("Authorization", wire.Credential{DeviceID: string(d.ID), Secret: s.secret}.Header())
	rq.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(rq)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("a report was answered with %d: %s", answer.StatusCode, text)
	}
	return s.w.told(d, c, err)
}

func wireGuards(g device.Guards) wire.Guards {
	out := wire.Guards{}
	for name, guard := range map[string]device.Guard{
		wire.GuardEngine: g.Engine, wire.GuardRealtime: g.Realtime, wire.GuardMail: g.Mail,
		wire.GuardWeb: g.Web, wire.GuardSpam: g.Spam, wire.GuardAutoscan: g.Autoscan,
	} {
		if guard != device.Absent {
			out[name] = guard == device.On
		}
	}
	return out
}
