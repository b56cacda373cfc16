package workload

import (
	"fmt"
	"time"

	"avportal/domain/device"
	"avportal/domain/group"
)

// perDevice is how often a device reports. Of 100,000 devices that makes 1,667 reports a second.
const perDevice = time.Minute

// Next gives what happens next in the mix. When all devices are enrolled, there are reports of state instead of enrollments.
func (f *Fleet) Next(yield func(Append) error) error {
	f.clock = f.clock.Add((perDevice / time.Duration(max(1, f.enrolled))).Round(time.Microsecond))
	n := f.rnd.IntN(1000)
	switch {
	case n < 200 && f.enrolled == len(f.devices):
		// A report of state.
	case n < 200:
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

// Status lets a device tell what changes all the time; once in fifteen times, that a guard was switched off, or on again. One that is
// off is on again soon, so that about one device in fifteen has one that is off.
func (f *Fleet) Status(d *Device, yield func(Append) error) error {
	odds := 28
	if d.unguarded {
		odds = 2
	}
	if f.rnd.IntN(odds) == 0 {
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
	d.unguarded = c.Guards == guards[1]
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
