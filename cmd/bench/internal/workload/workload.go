// Package workload makes the history of a fleet, the same one for the same seed, by the domain's own commands. Its mix
// is that of the study the targets come from: of a hundred events, 20 enrollments, 73 reports of a device's state, 3
// threats found, 1.6 threats gone, 2.4 moves.
package workload

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

// Shape is how large a fleet is.
type Shape struct {
	Tenants  int // resellers
	Devices  int // enrolled to begin with
	Reserved int // further ones that have a seat and a place, and enroll while the mix runs
}

const (
	perLicense  = 40 // devices
	perCustomer = 2  // licenses
	seats       = 2 * perLicense
)

// Append is what one command has left: events for one stream, after a revision of it.
type Append struct {
	At     time.Time // by the fleet's clock
	Stream domain.Stream
	After  eventstore.Revision
	Events []eventstore.Proposed
}

// Fleet is a fleet with its history so far. It is not safe for concurrent use.
type Fleet struct {
	rnd       *rand.Rand
	clock     time.Time
	licenses  []place
	devices   []*Device // those enrolled come first
	enrolled  int
	infected  []int // indexes of devices with threats
	revisions map[domain.Stream]eventstore.Revision
}

type place struct {
	tenant   domain.Tenant
	customer domain.CustomerID
	license  domain.LicenseID
	groups   [2]domain.GroupID
	members  group.State
	seats    license.State
}

// Device is one of the fleet's devices and what its events add up to.
type Device struct {
	ID        domain.DeviceID
	Tenant    domain.Tenant
	GUID      string
	License   int // index
	State     device.State
	Telemetry device.Telemetry
	Facts     device.Facts
	Revision  eventstore.Revision // of its stream
	observed  eventstore.Revision
	threats   []device.Threat
	found     int
}

// New makes an empty fleet. Call Ground and Begin for its first events, and Next for each further one.
func New(seed uint64, s Shape) *Fleet {
	f := &Fleet{
		rnd:       rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // the same numbers each time are the point
		clock:     time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC),
		revisions: map[domain.Stream]eventstore.Revision{},
	}
	total := s.Devices + s.Reserved
	tenants := make([]domain.Tenant, max(s.Tenants, 1))
	for i := range tenants {
		id := f.uuid()
		tenants[i] = domain.Tenant(hex.EncodeToString(id[:]))
	}
	var owner domain.CustomerID
	for i := range (total + perLicense - 1) / perLicense {
		if i%perCustomer == 0 {
			owner = domain.CustomerID(f.uuid().String())
		}
		id := domain.LicenseID(f.uuid().String())
		f.licenses = append(f.licenses, place{
			tenant: tenants[i/perCustomer%len(tenants)], customer: owner, license: id,
			groups: [2]domain.GroupID{group.Main(id), domain.NewGroupID(id, f.uuid().String())},
		})
	}
	for i := range total {
		l := i % len(f.licenses)
		f.devices = append(f.devices, &Device{
			ID: domain.DeviceID(f.uuid().String()), Tenant: f.licenses[l].tenant, GUID: f.uuid().String(), License: l,
			Revision: eventstore.NoStream, observed: eventstore.NoStream,
		})
	}
	f.enrolled = s.Devices
	return f
}

// Tenants lists the fleet's resellers.
func (f *Fleet) Tenants() []domain.Tenant {
	var list []domain.Tenant
	seen := map[domain.Tenant]bool{}
	for _, l := range f.licenses {
		if !seen[l.tenant] {
			seen[l.tenant] = true
			list = append(list, l.tenant)
		}
	}
	return list
}

// Device is the device with an index; those below Enrolled are enrolled.
func (f *Fleet) Device(i int) *Device { return f.devices[i] }

// Now is the fleet's clock.
func (f *Fleet) Now() time.Time { return f.clock }

// Enrolled is how many devices are.
func (f *Fleet) Enrolled() int { return f.enrolled }

// License is the id of the license with an index.
func (f *Fleet) License(i int) domain.LicenseID { return f.licenses[i].license }

// Scope is where a device belongs.
func (f *Fleet) Scope(d *Device) domain.Scope {
	return domain.Scope{Tenant: d.Tenant, Customer: f.licenses[d.License].customer}
}

// Ground gives what the devices need: resellers, customers, licenses and groups, then seats and places. All of it must
// stand in the log before Begin.
func (f *Fleet) Ground(yield func(Append) error) error {
	for _, t := range f.Tenants() {
		if err := decide(f, yield, reseller.Register{Tenant: t, Name: "Reseller " + string(t[:8])}, reseller.State{}); err != nil {
			return err
		}
	}
	for i := range f.licenses {
		if err := f.beginLicense(i, yield); err != nil {
			return err
		}
	}
	return f.takeSeats(yield)
}

// Begin gives the devices, each with its first report.
func (f *Fleet) Begin(yield func(Append) error) error {
	for _, d := range f.devices[:f.enrolled] {
		if err := f.enroll(d, yield); err != nil {
			return err
		}
		if err := f.observe(d, yield); err != nil {
			return err
		}
		if err := f.report(d, nil, yield); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) beginLicense(i int, yield func(Append) error) error {
	l := &f.licenses[i]
	if i%perCustomer == 0 {
		c := customer.Import{Tenant: l.tenant, Customer: l.customer, Name: fmt.Sprintf("Customer %06d", i/perCustomer), Number: fmt.Sprint(i)}
		if err := decide(f, yield, c, customer.State{}); err != nil {
			return err
		}
	}
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], f.rnd.Uint64())
	imported := license.Import{
		Tenant: l.tenant, License: l.license, Customer: l.customer, Name: fmt.Sprintf("License %06d", i),
		Key: domain.NewTID(l.tenant, l.license, random), Kind: license.Purchase, Seats: seats, TermYears: 3,
		ValidFrom: f.clock.AddDate(-1, 0, 0), ValidUntil: f.clock.AddDate(0, 0, 10+i%700).Truncate(24 * time.Hour),
	}
	if err := evolve(f, yield, imported, &l.seats); err != nil {
		return err
	}
	if err := evolve(f, yield, group.CreateMain{Tenant: l.tenant, Customer: l.customer, License: l.license, Name: "Main"}, &l.members); err != nil {
		return err
	}
	return evolve(f, yield, group.Create{Tenant: l.tenant, Group: l.groups[1], Parent: l.groups[0], Name: "Notebooks"}, &l.members)
}

// takeSeats gives every device its seat and its place, one append for each license, which real portals do one by one:
// it is only the ground that the measured events stand on.
func (f *Fleet) takeSeats(yield func(Append) error) error {
	for i := range f.licenses {
		l := &f.licenses[i]
		var taken, placed []domain.Event
		for n := i; n < len(f.devices); n += len(f.licenses) {
			d := f.devices[n]
			t, err := collect(&l.seats, license.Activate{Tenant: l.tenant, License: l.license, Device: d.ID, Group: l.groups[0], ByDevice: true, At: f.clock})
			if err != nil {
				return err
			}
			p, err := collect(&l.members, group.AddDevice{Tenant: l.tenant, Group: l.groups[0], Device: d.ID, ByDevice: true, At: f.clock})
			if err != nil {
				return err
			}
			taken, placed = append(taken, t...), append(placed, p...)
		}
		if err := f.propose(license.Stream(l.tenant, l.license), taken, yield); err != nil {
			return err
		}
		if err := f.propose(group.Stream(l.tenant, l.license), placed, yield); err != nil {
			return err
		}
	}
	return nil
}

// Next gives what happens next in the mix.
func (f *Fleet) Next(yield func(Append) error) error {
	f.clock = f.clock.Add(time.Second)
	n := f.rnd.IntN(1000)
	switch {
	case n < 200 && f.enrolled < len(f.devices):
		d := f.devices[f.enrolled]
		f.enrolled++
		return f.enroll(d, yield)
	case n < 230:
		i := f.rnd.IntN(f.enrolled)
		f.infected = append(f.infected, i)
		d := f.devices[i]
		return f.report(d, []device.Threat{f.threat(d)}, yield)
	case n < 246 && len(f.infected) > 0:
		return f.clean(yield)
	case n < 270:
		return f.move(f.devices[f.rnd.IntN(f.enrolled)], yield)
	}
	return f.Status(f.devices[f.rnd.IntN(f.enrolled)], yield)
}

// Status lets a device tell what changes all the time; now and then that a guard was switched off or on.
func (f *Fleet) Status(d *Device, yield func(Append) error) error {
	if f.rnd.IntN(15) == 0 {
		return f.report(d, nil, yield)
	}
	return f.observe(d, yield)
}

// Age gives a device n further events: threats that come and go, guards that are switched off and on.
func (f *Fleet) Age(d *Device, n int, yield func(Append) error) error {
	for i := range n {
		var threats []device.Threat
		switch i % 3 {
		case 0:
			threats = []device.Threat{f.threat(d)}
		case 1:
			threats = []device.Threat{d.threats[0]}
			threats[0].Resolved, threats[0].ResolvedAt = true, f.clock
		}
		if err := f.report(d, threats, yield); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) threat(d *Device) device.Threat {
	d.found++
	return device.Threat{
		ID: fmt.Sprintf("t-%d", d.found), Name: "Win.Test.Threat", Path: fmt.Sprintf(`C:\Users\user\Downloads\file-%d.exe`, d.found),
		Action: "quarantined", FoundAt: f.clock,
	}
}

func (f *Fleet) clean(yield func(Append) error) error {
	n := f.rnd.IntN(len(f.infected))
	d := f.devices[f.infected[n]]
	f.infected[n] = f.infected[len(f.infected)-1]
	f.infected = f.infected[:len(f.infected)-1]
	t := d.threats[0]
	t.Resolved, t.ResolvedAt = true, f.clock
	return f.report(d, []device.Threat{t}, yield)
}

func (f *Fleet) enroll(d *Device, yield func(Append) error) error {
	l := &f.licenses[d.License]
	n := f.rnd.IntN(1_000_000)
	d.Facts = device.Facts{
		Hostname: fmt.Sprintf("PC-%06d", n), OS: "Windows", OSVersion: fmt.Sprintf("11 Pro 24H%d", 1+n%2), Arch: "amd64",
		IP: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255), Domain: "office.example",
		ClientVersion: fmt.Sprintf("1.%d.0", n%4), Engine: "ClamAV", EngineVersion: "1.4.2",
	}
	version, released := f.signatures()
	d.Facts.SignatureVersion, d.Facts.SignatureDate = fmt.Sprint(version), released
	events, err := collect(&d.State, device.Enroll{
		Tenant: d.Tenant, Customer: l.customer, Device: d.ID, Group: l.groups[0], GUID: d.GUID, Facts: d.Facts, At: f.clock,
	})
	if err != nil {
		return err
	}
	return f.proposeAt(device.Stream(d.Tenant, d.ID), &d.Revision, events, yield)
}

func (f *Fleet) observe(d *Device, yield func(Append) error) error {
	// Signatures come out several times a day, and one device in ten is late to fetch them.
	version, released := f.signatures()
	if f.rnd.IntN(10) == 0 {
		version, released = version-1, released.Add(-releases)
	}
	d.Facts.SignatureVersion, d.Facts.SignatureDate = fmt.Sprint(version), released
	events, err := collect(&d.Telemetry, device.Observe{
		Tenant: d.Tenant, Device: d.ID, Facts: d.Facts, Prompted: true, At: f.clock,
		LastScan: device.LastScan{FinishedAt: f.clock, Profile: "quick", Outcome: "completed", Files: int64(40_000 + f.rnd.IntN(10_000))},
	})
	if err != nil {
		return err
	}
	return f.proposeAt(device.TelemetryStream(d.Tenant, d.ID), &d.observed, events, yield)
}

// Guards are two states of protection that a device goes to and fro between, so that each report leaves an event.
var guards = [2]device.Guards{
	{Engine: device.On, Realtime: device.On, Web: device.On, Autoscan: device.On},
	{Engine: device.On, Realtime: device.Off, Web: device.On, Autoscan: device.On},
}

// releases is how often there are new signatures.
const releases = 4 * time.Hour

func (f *Fleet) signatures() (version int64, released time.Time) {
	released = f.clock.Truncate(releases)
	return released.Unix() / int64(releases.Seconds()), released
}

// report tells of threats, or else of a guard that has changed.
func (f *Fleet) report(d *Device, threats []device.Threat, yield func(Append) error) error {
	c := Report(d, f.clock)
	if threats != nil {
		c.Guards, c.Threats = Guards(d.State), threats
	}
	events, err := collect(&d.State, c)
	if err != nil {
		return err
	}
	for _, e := range events {
		switch e := e.(type) {
		case device.ThreatFound:
			d.threats = append(d.threats, threats[0])
		case device.ThreatResolved:
			for i, t := range d.threats {
				if t.ID == e.Threat {
					d.threats = append(d.threats[:i:i], d.threats[i+1:]...)
					break
				}
			}
		}
	}
	return f.proposeAt(device.Stream(d.Tenant, d.ID), &d.Revision, events, yield)
}

// Report is a report of d that leaves exactly one event: a guard has changed.
func Report(d *Device, at time.Time) device.Report {
	g := guards[0]
	if Guards(d.State) == guards[0] {
		g = guards[1]
	}
	return device.Report{Tenant: d.Tenant, Device: d.ID, Guards: g, At: at}
}

// Guards are those of a state, found by asking what would change them.
func Guards(s device.State) device.Guards {
	for _, g := range guards {
		if events, err := (device.Report{Guards: g}).Decide(s); err == nil && len(events) == 0 {
			return g
		}
	}
	return device.Guards{}
}

func (f *Fleet) move(d *Device, yield func(Append) error) error {
	l := &f.licenses[d.License]
	to := l.groups[0]
	if d.State.Group() == to {
		to = l.groups[1]
	}
	if err := evolve(f, yield, group.MoveDevice{Tenant: l.tenant, Device: d.ID, To: to, At: f.clock}, &l.members); err != nil {
		return err
	}
	events, err := collect(&d.State, device.Move{Tenant: d.Tenant, Device: d.ID, ToGroup: to, ToCustomer: l.customer, At: f.clock})
	if err != nil {
		return err
	}
	return f.proposeAt(device.Stream(d.Tenant, d.ID), &d.Revision, events, yield)
}

// collect lets a command decide and takes what it decides into the state.
func collect[S domain.State[S]](s *S, c domain.Command[S]) ([]domain.Event, error) {
	events, err := c.Decide(*s)
	if err != nil {
		return nil, fmt.Errorf("workload: %T: %w", c, err)
	}
	for _, e := range events {
		*s = (*s).Evolve(e)
	}
	return events, nil
}

func evolve[S domain.State[S]](f *Fleet, yield func(Append) error, c domain.Command[S], s *S) error {
	events, err := collect(s, c)
	if err != nil {
		return err
	}
	return f.propose(c.Stream(), events, yield)
}

func decide[S domain.State[S]](f *Fleet, yield func(Append) error, c domain.Command[S], s S) error {
	return evolve(f, yield, c, &s)
}

// propose yields events for a stream whose revision is kept here.
func (f *Fleet) propose(s domain.Stream, events []domain.Event, yield func(Append) error) error {
	after, ok := f.revisions[s]
	if !ok {
		after = eventstore.NoStream
	}
	err := f.proposeAt(s, &after, events, yield)
	f.revisions[s] = after
	return err
}

func (f *Fleet) proposeAt(s domain.Stream, after *eventstore.Revision, events []domain.Event, yield func(Append) error) error {
	if len(events) == 0 {
		return nil
	}
	command := f.uuid()
	a := Append{At: f.clock, Stream: s, After: *after, Events: make([]eventstore.Proposed, len(events))}
	for i, e := range events {
		a.Events[i] = eventstore.Proposed{ID: f.uuid(), Event: e, Meta: eventstore.Metadata{
			Correlation: command, Causation: command, Command: command, Actor: domain.ActorClient, ActorID: s.ID,
		}}
	}
	*after += eventstore.Revision(len(events))
	return yield(a)
}

// uuid is a UUID of version 4 from the fleet's own chance.
func (f *Fleet) uuid() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], f.rnd.Uint64())
	binary.BigEndian.PutUint64(id[8:], f.rnd.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}
