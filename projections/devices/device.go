package devices

import (
	"fmt"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// DeviceKey is the key of a device.
type DeviceKey struct {
	Tenant domain.Tenant `db:"tenant"`
	Device rowkey.Key    `db:"device"`
}

type deviceRow struct {
	projections.Presence
	DeviceKey
	EnrolledAt       time.Time      `db:"enrolled_at"`
	SignatureDate    time.Time      `db:"signature_date"`
	LastScanAt       time.Time      `db:"last_scan_at"`
	Place            rowkey.Address `db:"place"`
	Platform         rowkey.Address `db:"platform"`
	GuardsOn         int16          `db:"guards_on"`
	GuardsOff        int16          `db:"guards_off"`
	Threats          int16          `db:"threats"`
	Pending          int16          `db:"pending"`
	LastScanOutcome  int16          `db:"last_scan_outcome"`
	Hostname         string         `db:"hostname"`
	Label            string         `db:"label"`
	IP               string         `db:"ip"`
	EngineVersion    string         `db:"engine_version"`
	SignatureVersion string         `db:"signature_version"`
}

func devices() projections.Table {
	return projections.NewTable(projections.TableSpec[deviceRow, DeviceKey]{
		Name:    "device",
		Keys:    deviceKeys,
		Creates: []domain.Event{device.Enrolled{}},
		// The stream of telemetry does not learn that the device was removed, so a last word may come after.
		Optional: []domain.Event{device.Observed{}},
		Fold:     foldDevice,
		Counters: []projections.Counter[deviceRow]{
			projections.NewCounter("device_count", countDevice),
			projections.NewCounter("signature_count", countSignature),
		},
	})
}

func deviceKeys(r eventstore.Recorded, touch func(DeviceKey)) {
	switch r.Event.(type) {
	case device.Enrolled, device.Moved, device.Relabeled, device.Removed, device.Observed,
		device.ThreatFound, device.ThreatResolved, device.GuardsChanged,
		device.ScanRequested, device.UpdateRequested, device.RequestCompleted, device.RequestAborted:
		touch(DeviceKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID)})
	}
}

func foldDevice(d *deviceRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case device.Enrolled:
		d.EnrolledAt, d.Place = r.At, placeOf(e.Group)
		d.setFacts(e.Facts, r.At)
	case device.Moved:
		d.Place = placeOf(e.ToGroup)
	case device.Relabeled:
		d.Label = e.To
	case device.Removed:
		d.Delete()
	case device.Observed:
		d.setFacts(e.Facts, r.At)
		d.LastScanAt, d.LastScanOutcome = e.LastScan.FinishedAt, outcomeNumber(e.LastScan.Outcome)
	case device.ThreatFound:
		d.Threats = small(e.Open)
	case device.ThreatResolved:
		d.Threats = small(e.Open)
	case device.GuardsChanged:
		d.GuardsOn, d.GuardsOff = packGuards(e.To)
	case device.ScanRequested, device.UpdateRequested:
		d.Pending++
	case device.RequestCompleted, device.RequestAborted:
		d.Pending--
	}
}

func (d *deviceRow) setFacts(f device.Facts, at time.Time) {
	d.Hostname, d.IP, d.Platform = f.Hostname, f.IP, platformOf(f)
	d.EngineVersion, d.SignatureVersion, d.SignatureDate = f.EngineVersion, f.SignatureVersion, f.SignatureDate
	if d.SignatureDate.After(at) { // the device's clock is wrong; signatures from the future would never grow old
		d.SignatureDate = at
	}
}

// small is for numbers that the domain bounds.
func small(n int) int16 {
	if n < 0 || n > device.MaxThreats {
		panic(fmt.Sprintf("%d open threats", n))
	}
	return int16(n)
}

// outcomes of scans by their numbers, which are part of the schema.
func outcomes() []string { return []string{"", "completed", "aborted", "failed", "unknown"} }

func outcomeNumber(outcome string) int16 {
	list := outcomes()
	for i, o := range list {
		if o == outcome {
			return int16(i) //nolint:gosec // there are five
		}
	}
	return int16(len(list) - 1) //nolint:gosec // there are five
}

// DeviceCount counts devices by state, of one place or, where the place is 0, of the whole tenant.
type DeviceCount struct {
	Tenant            domain.Tenant  `db:"tenant"`
	Place             rowkey.Address `db:"place"`
	Devices           int64          `db:"devices"`
	Infected          int64          `db:"infected"`
	Threats           int64          `db:"threats"`
	Yellow            int64          `db:"yellow"`
	Red               int64          `db:"red"`
	Unprotected       int64          `db:"unknown"` // guards not known
	SignaturesUnknown int64          `db:"signatures_unknown"`
	Pending           int64          `db:"pending"` // devices with unfinished requests
}

func countDevice(d deviceRow, add func(DeviceCount)) {
	c := DeviceCount{
		Tenant: d.Tenant, Devices: 1, Threats: int64(d.Threats),
		Infected: one(d.Threats > 0), Pending: one(d.Pending > 0), SignaturesUnknown: one(d.SignatureDate.IsZero()),
		Yellow:      one(d.GuardsOff != 0 && d.GuardsOn != 0),
		Red:         one(d.GuardsOff != 0 && d.GuardsOn == 0),
		Unprotected: one(d.GuardsOff == 0 && d.GuardsOn == 0),
	}
	add(c)
	c.Place = d.Place
	add(c)
}

// SignatureCount counts devices by the hour of their signatures, of one place or, where the place is 0, of the whole tenant.
type SignatureCount struct {
	Tenant  domain.Tenant  `db:"tenant"`
	Place   rowkey.Address `db:"place"`
	Hour    int32          `db:"hour"` // since 1970
	Devices int64          `db:"devices"`
}

func countSignature(d deviceRow, add func(SignatureCount)) {
	if d.SignatureDate.IsZero() {
		return
	}
	c := SignatureCount{Tenant: d.Tenant, Hour: hourOf(d.SignatureDate), Devices: 1}
	add(c)
	c.Place = d.Place
	add(c)
}

// hourOf is the number of the full hour; a date before 1970 is as good as 1970.
func hourOf(t time.Time) int32 { return int32(max(0, t.Unix()) / 3600) } //nolint:gosec // fits for 200,000 years

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
