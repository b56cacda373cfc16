package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
)

// groups makes the subgroups of a customer's license.
func (b *builder) groups(ctx context.Context, i int, c company) error {
	for n := range c.groups {
		rq := b.request(fmt.Sprintf("group %d of %d", n, i), admin())
		rq.At = b.before(c)
		create := group.Create{Tenant: Tenant, Group: b.groupID(i, n), Parent: group.Main(licenseID(i)), Name: c.groups[n], At: rq.At}
		if _, err := commands.Do[group.State](ctx, b.h, rq, create); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) groupID(company, n int) domain.GroupID {
	return domain.NewGroupID(licenseID(company), named(fmt.Sprint("group of ", company), n).String())
}

// before is a moment at which the customer's license held.
func (b *builder) before(c company) time.Time {
	if c.until < 0 {
		return b.now.Add(c.until - 30*day)
	}
	return b.now.Add(-30 * day)
}

// past is the life of one device so far.
type past struct {
	*builder
	c       company
	company int
	n       int // among the customer's devices
	serial  int // among all devices
	id      domain.DeviceID
	rnd     *rand.Rand
	facts   device.Facts
}

// device gives one device its past: enrolled by itself, grouped by a person, threats found and gone, scans asked for
// and answered, and the state that the customer is meant to show.
func (b *builder) device(ctx context.Context, c company, i, n, serial int, tid domain.TID) error {
	p := &past{builder: b, c: c, company: i, n: n, serial: serial, rnd: rand.New(rand.NewPCG(7, uint64(serial)))}
	p.facts = p.computer()
	enrolled, _, err := commands.EnrollDevice(ctx, b.h, commands.Request{ID: p.uuid("enroll"), At: b.before(c)}, commands.Enrollment{
		TID: string(tid), GUID: p.uuid("guid").String(), Facts: p.facts,
	})
	if err != nil {
		return err
	}
	p.id = enrolled.Device
	for _, chapter := range []func(context.Context) error{p.place, p.history, p.present} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	b.seen(Tenant, p.id, p.lastSeen())
	return nil
}

// place moves most devices to a subgroup and labels some.
func (p *past) place(ctx context.Context) error {
	if len(p.c.groups) > 0 && p.n%4 != 0 {
		to := p.groupID(p.company, p.n%len(p.c.groups))
		if _, err := commands.MoveDevice(ctx, p.h, p.at("move", admin(), 0), Tenant, p.id, to); err != nil {
			return err
		}
	}
	if p.n%7 != 3 {
		return nil
	}
	labels := []string{"Chefbüro", "Empfang links", "Kasse 2", "Leihgerät", "Neuer Server", "Besprechungsraum"}
	_, err := commands.Do[device.State](ctx, p.h, p.at("label", admin(), 0), device.Relabel{
		Tenant: Tenant, Device: p.id, Label: labels[p.rnd.IntN(len(labels))], At: p.before(p.c),
	})
	return err
}

// history lets threats come and go, and people ask for scans and updates.
func (p *past) history(ctx context.Context) error {
	if err := p.report(ctx, "first", 1, nil, device.On); err != nil {
		return err
	}
	for n := range p.rnd.IntN(3) {
		t := p.threat(fmt.Sprint("past ", n), time.Duration(2+5*n)*day)
		if err := p.report(ctx, fmt.Sprint("found ", n), 2+5*n, []device.Threat{t}, device.On); err != nil {
			return err
		}
		if err := p.scan(ctx, n, 3+5*n); err != nil {
			return err
		}
		t.Resolved, t.ResolvedAt = true, t.FoundAt.Add(20*time.Hour)
		if err := p.report(ctx, fmt.Sprint("gone ", n), 4+5*n, []device.Threat{t}, device.On); err != nil {
			return err
		}
	}
	return nil
}

// present leaves the device in the state that its customer is meant to show.
func (p *past) present(ctx context.Context) error {
	guard := device.On
	if p.n >= p.c.devices-p.c.off {
		guard = device.Off
	}
	var open []device.Threat
	if p.n < p.c.ill {
		open = []device.Threat{p.threat("open", 29*day)}
	}
	return p.report(ctx, "last", 29, open, guard)
}

// scan is a scan that a person asked for and the device carried out.
func (p *past) scan(ctx context.Context, n, days int) error {
	rq := p.at(fmt.Sprint("scan ", n), admin(), days)
	id := device.RequestID(rq.ID.String())
	if _, err := commands.Do[device.State](ctx, p.h, rq, device.RequestScan{Tenant: Tenant, Device: p.id, Request: id, Profile: device.ProfileQuick, At: rq.At}); err != nil {
		return err
	}
	step := func(what string, minutes int) commands.Request {
		s := rq.Derive(what)
		s.Actor, s.At = domain.DeviceActor(p.id, domain.Scope{Tenant: Tenant}), rq.At.Add(time.Duration(minutes)*time.Minute)
		return s
	}
	sent, started, done := step("sent", 4), step("started", 5), step("result", 9+p.rnd.IntN(20))
	if _, err := commands.Do[device.State](ctx, p.h, sent, device.MarkSent{Tenant: Tenant, Device: p.id, Request: id, At: sent.At}); err != nil {
		return err
	}
	if _, err := commands.Do[device.State](ctx, p.h, started, device.MarkStarted{Tenant: Tenant, Device: p.id, Request: id, At: started.At}); err != nil {
		return err
	}
	_, err := commands.Do[device.State](ctx, p.h, done, device.Complete{
		Tenant: Tenant, Device: p.id, Request: id, OK: true, Code: "done", Detail: "Scan completed.",
		Scan: device.ScanResult{Files: int64(8000 + p.rnd.IntN(90000)), Infected: 1}, At: done.At,
	})
	return err
}

func (p *past) report(ctx context.Context, what string, days int, threats []device.Threat, mail device.Guard) error {
	rq := p.at("report "+what, domain.DeviceActor(p.id, domain.Scope{Tenant: Tenant}), days)
	_, err := commands.Do[device.State](ctx, p.h, rq, device.Report{
		Tenant: Tenant, Device: p.id, Threats: threats, Complete: true, At: rq.At,
		Guards: device.Guards{Engine: device.On, Realtime: device.On, Mail: mail, Web: device.On},
	})
	if err != nil {
		return err
	}
	_, err = commands.Do[device.Telemetry](ctx, p.h, rq.Derive("facts"), device.Observe{
		Tenant: Tenant, Device: p.id, Facts: p.facts, At: rq.At,
		LastScan: device.LastScan{FinishedAt: rq.At.Add(-time.Hour), Profile: "quick", Outcome: "completed", Files: int64(20000 + p.serial)},
	})
	return err
}

// at is a request some days after the device was enrolled.
func (p *past) at(what string, actor domain.Actor, days int) commands.Request {
	return commands.Request{Actor: actor, ID: p.uuid(what), At: p.before(p.c).Add(time.Duration(days)*day + time.Duration(p.serial)*time.Minute)}
}

func (p *past) uuid(what string) uuid.UUID { return named("device "+what, p.serial) }

func (p *past) threat(what string, after time.Duration) device.Threat {
	names := []string{"Win.Trojan.Agent-7101", "Win.Ransomware.LockDemo", "Doc.Dropper.Emotet-88", "Html.Phishing.Bank-12", "Win.Adware.Toolbar"}
	return device.Threat{
		ID: p.uuid("threat " + what).String(), Name: names[p.rnd.IntN(len(names))],
		Path: fmt.Sprintf(`D:\Downloads\rechnung-%04x.exe`, p.rnd.IntN(1<<16)), Action: "blocked", FoundAt: p.before(p.c).Add(after),
	}
}

// lastSeen: most devices are in contact, one in thirty has been silent for weeks.
func (p *past) lastSeen() time.Time {
	if p.serial%30 == 17 {
		return p.now.Add(-time.Duration(15+p.rnd.IntN(30)) * day)
	}
	return p.now.Add(-time.Duration(p.rnd.IntN(25)) * time.Minute)
}

func (p *past) computer() device.Facts {
	systems := []struct{ os, version, arch string }{
		{"Windows", "11 Pro 23H2", "amd64"}, {"Windows", "11 Pro 24H2", "amd64"}, {"Windows", "10 Pro 22H2", "amd64"},
		{"Windows", "Server 2022", "amd64"}, {"macOS", "15.1", "arm64"}, {"Debian", "12", "amd64"},
	}
	s := systems[p.rnd.IntN(len(systems))]
	age := time.Duration(p.rnd.IntN(30)) * time.Hour
	if p.n >= p.c.ill && p.n < p.c.ill+p.c.stale {
		age = time.Duration(4+6*(p.n-p.c.ill)) * day // 4, 10, 16 ... days: warning, outdated, critical
	}
	signatures := p.now.Add(-age).Truncate(time.Hour)
	kind := []string{"PC", "NB", "PC", "SRV", "KASSE"}[p.rnd.IntN(5)]
	return device.Facts{
		Hostname: fmt.Sprintf("%s-%03d", kind, p.serial+1), OS: s.os, OSVersion: s.version, Arch: s.arch,
		IP: fmt.Sprintf("10.%d.%d.%d", 20+p.company, p.n/200, 10+p.n%200), Domain: fmt.Sprintf("kunde%02d.example", p.company+1),
		ClientVersion: "1.0.0", Engine: "builtin", EngineVersion: "1.0.0",
		SignatureVersion: signatures.Format("20060102.15"), SignatureDate: signatures,
	}
}
