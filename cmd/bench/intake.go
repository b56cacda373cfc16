package main

import (
	"bufio"
	"context"
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
	"avportal/commands"
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
	rounds, err := b.plan(6).Run(ctx, half("http", s.send), half("commands", s.do))
	if err != nil {
		return nil, err
	}
	return []row{compared(t17, "reports over HTTP, 64 connections", "the same commands without HTTP", rounds, over(rate("http"), rate("commands"))).
		absolute(rounds, rate("http"), rate("commands"), perSecond).
		noted("clients in the same process; p99 %s beside %s.", latency(median(rounds, quantile("http", 0.99))), latency(median(rounds, quantile("commands", 0.99))))}, nil
}

// reporting sends reports to the device API. Its clients cost as little as can be: in truth each device has a processor of its own.
type reporting struct {
	w       *writing
	server  *http.Server
	address string
	idle    chan *line
	secret  [wire.SecretBytes]byte
	facts   map[domain.DeviceID][]byte // as they are written
}

// line is a connection that is kept alive.
type line struct {
	net.Conn
	in  *bufio.Reader
	out []byte
}

func newReporting(ctx context.Context, w *writing, db *pgxpool.Pool) (*reporting, error) {
	credentials, err := agent.NewCredentials(ctx, db)
	if err != nil {
		return nil, err
	}
	s := &reporting{w: w, idle: make(chan *line, connections), facts: map[domain.DeviceID][]byte{}}
	for i := range w.each {
		d := w.device(ours, i)
		if err := credentials.Put(ctx, d.ID, d.Tenant, wire.HashSecret(s.secret)); err != nil {
			return nil, err
		}
		if s.facts[d.ID], err = json.Marshal(wireFacts(d.Facts)); err != nil {
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
	s.address = listener.Addr().String()
	go func() { _ = s.server.Serve(listener) }() // it returns when it is closed
	var dialer net.Dialer
	for range connections {
		c, err := dialer.DialContext(ctx, "tcp", s.address)
		if err != nil {
			return nil, errors.Join(err, s.server.Close())
		}
		s.idle <- &line{Conn: c, in: bufio.NewReader(c)}
	}
	return s, nil
}

func (s *reporting) close() {
	_ = s.server.Close()
	for range connections {
		_ = (<-s.idle).Close()
	}
}

// send reports that a guard has changed, with all the rest as it was.
func (s *reporting) send(_ context.Context, d *workload.Device) error {
	now := time.Now().UTC()
	c := workload.Report(d, now)
	guards, err := json.Marshal(wireGuards(c.Guards))
	if err != nil {
		return err
	}
	var body [1024]byte
	text := fmt.Appendf(body[:0], `{"id":"%s","at":"%s","facts":%s,"guards":%s,"threats":[]}`, ulid.Make(), now.Format(time.RFC3339Nano), s.facts[d.ID], guards)
	l := <-s.idle
	defer func() { s.idle <- l }()
	l.out = fmt.Appendf(l.out[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		wire.ReportsPath, s.address, wire.Credential{DeviceID: string(d.ID), Secret: s.secret}.Header(), len(text), text)
	if _, err := l.Write(l.out); err != nil {
		return err
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("a report was answered with %d: %s", answer.StatusCode, said)
	}
	return s.w.told(d, c, err)
}

// do carries out what the report comes to: a change of the device, and a look at facts that are as they were.
func (s *reporting) do(ctx context.Context, d *workload.Device) error {
	now := time.Now()
	c := workload.Report(d, now)
	rq := commands.Request{Actor: domain.DeviceActor(d.ID, domain.Scope{Tenant: d.Tenant}), At: now, ID: uuid.New()}
	done, err := commands.Do[device.State](ctx, s.w.handler, rq, c)
	if err == nil {
		telling := rq.Derive("facts")
		telling.Since = done.AsOf
		_, err = commands.Do[device.Telemetry](ctx, s.w.handler, telling, device.Observe{Tenant: d.Tenant, Device: d.ID, Facts: d.Facts, At: now})
	}
	return s.w.told(d, c, err)
}

func wireFacts(f device.Facts) wire.Facts {
	return wire.Facts{
		Hostname: f.Hostname, OS: f.OS, OSVersion: f.OSVersion, Arch: f.Arch, IP: f.IP, Domain: f.Domain,
		ClientVersion: f.ClientVersion, Engine: f.Engine, EngineVersion: f.EngineVersion,
		SignatureVersion: f.SignatureVersion, SignatureDate: &f.SignatureDate,
	}
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
