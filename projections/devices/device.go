package devices

import (
	"fmt"
	"math"
	"strconv"
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

// rowKey is the key of a device in the table of devices: in fewer bytes, since that has a row for each.
type rowKey struct {
	Device rowkey.Key `db:"device"`
	Realm  int32      `db:"realm"`
}

// realmOf is the last four bytes of a tenant. It keeps apart what is equal by chance, but two tenants may share one.
func realmOf(t domain.Tenant) int32 {
	const digits = 8
	n, _ := strconv.ParseUint(string(t[max(0, len(t)-digits):]), 16, 32) // what is no tenant has no devices either
	return int32(uint32(n))                                              //nolint:gosec // the same bits
}

// halfOf is what stands for an address in an index. The index device_by_place computes it as well.
func halfOf(a rowkey.Address) int32 { return int32(a >> 32) } //nolint:gosec // it fits by then

type deviceRow struct {
	projections.Presence
	rowKey
	Tenant           domain.Tenant  `db:"tenant"`
	SignatureDate    time.Time      `db:"signature_date"`
	Place            rowkey.Address `db:"place"`
	Platform         rowkey.Address `db:"platform"`
	EnrolledAt       second         `db:"enrolled_at"`
	LastScanAt       second         `db:"last_scan_at"`
	SignatureDay     int16          `db:"signature_day"`
	Guards           int16          `db:"guards"`
	Threats          int16          `db:"threats"`
	Pending          int16          `db:"pending"`
	LastScanOutcome  int16          `db:"last_scan_outcome"`
	Hostname         string         `db:"hostname"`
	Label            string         `db:"label"`
	IP               string         `db:"ip"`
	SignatureVersion string         `db:"signature_version"`
}

func devices() projections.Table {
	return projections.NewTable(projections.TableSpec[deviceRow, rowKey]{
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

func deviceKeys(r eventstore.Recorded, touch func(rowKey)) {
	switch r.Event.(type) {
	case device.Enrolled, device.Moved, device.Relabeled, device.Removed, device.Observed,
		device.ThreatFound, device.ThreatResolved, device.GuardsChanged,
		device.ScanRequested, device.UpdateRequested, device.ProfileRequested, device.LogRequested, device.RequestCompleted, device.RequestAborted:
		touch(rowKey{rowkey.Key(r.Stream.ID), realmOf(r.Stream.Tenant)})
	}
}

func foldDevice(d *deviceRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case device.Enrolled:
		d.Tenant, d.Place = r.Stream.Tenant, placeOf(e.Group)
		d.EnrolledAt, d.LastScanAt = secondOf(r.At), never
		d.setFacts(e.Facts, r.At)
	case device.Moved:
		d.Place = placeOf(e.ToGroup)
	case device.Relabeled:
		d.Label = e.To
	case device.Removed:
		d.Delete()
	case device.Observed:
		d.setFacts(e.Facts, r.At)
		d.LastScanAt, d.LastScanOutcome = secondOf(e.LastScan.FinishedAt), outcomeNumber(e.LastScan.Outcome)
	case device.ThreatFound:
		d.Threats = small(e.Open)
	case device.ThreatResolved:
		d.Threats = small(e.Open)
	case device.GuardsChanged:
		d.Guards = packGuards(e.To)
	case device.ScanRequested, device.UpdateRequested, device.ProfileRequested, device.LogRequested:
		d.Pending++
	case device.RequestCompleted, device.RequestAborted:
		d.Pending--
	}
}

func (d *deviceRow) setFacts(f device.Facts, at time.Time) {
	d.Hostname, d.IP, d.Platform = f.Hostname, f.IP, platformOf(f)
	d.SignatureVersion, d.SignatureDate = f.SignatureVersion, f.SignatureDate
	if d.SignatureDate.After(at) { // the device's clock is wrong; signatures from the future would never grow old
		d.SignatureDate = at
	}
	d.SignatureDay = dayOf(d.SignatureDate)
}

// noDay is the day of a date that is not known.
const noDay = -1

// dayOf is the number of a date's day since 1970; a date before that is as good as 1970.
func dayOf(t time.Time) int16 {
	if t.IsZero() {
		return noDay
	}
	return int16(min(max(t.Unix(), 0)/secondsOfDay, math.MaxInt16)) //nolint:gosec // bounded
}

const secondsOfDay = 24 * 60 * 60

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
	Tenant      domain.Tenant  `db:"tenant"`
	Place       rowkey.Address `db:"place"`
	Devices     int64          `db:"devices"`
	Infected    int64          `db:"infected"`
	Threats     int64          `db:"threats"`
	Yellow      int64          `db:"yellow"`
	Red         int64          `db:"red"`
	Unprotected int64          `db:"unknown"` // guards not known
	Pending     int64          `db:"pending"` // devices with unfinished requests
}

func countDevice(d deviceRow, add func(DeviceCount)) {
	protection := unpackGuards(d.Guards).Protection()
	c := DeviceCount{
		Tenant: d.Tenant, Devices: 1, Threats: int64(d.Threats),
		Infected: one(d.Threats > 0), Pending: one(d.Pending > 0),
		Yellow:      one(protection == device.Yellow),
		Red:         one(protection == device.Red),
		Unprotected: one(protection == device.Unknown),
	}
	add(c)
	c.Place = d.Place
	add(c)
}

// SignatureCount counts the devices of a tenant by the date of their signatures, which many have in common.
type SignatureCount struct {
	Tenant  domain.Tenant `db:"tenant"`
	Date    time.Time     `db:"date"` // the zero time: not known
	Devices int64         `db:"devices"`
}

func countSignature(d deviceRow, add func(SignatureCount)) {
	add(SignatureCount{Tenant: d.Tenant, Date: d.SignatureDate, Devices: 1})
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
