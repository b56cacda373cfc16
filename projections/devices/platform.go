package devices

import (
	"hash/maphash"
	"sync/atomic"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// PlatformKey is the key of a platform.
type PlatformKey struct {
	Tenant   domain.Tenant  `db:"tenant"`
	Platform rowkey.Address `db:"platform"`
}

type platformRow struct {
	projections.Presence
	PlatformKey
	Domain        string `db:"domain"`
	OS            string `db:"os"`
	OSVersion     string `db:"os_version"`
	Arch          string `db:"arch"`
	ClientVersion string `db:"client_version"`
	Engine        string `db:"engine"`
	EngineVersion string `db:"engine_version"`
}

// common facts are those that many devices have in common.
type common struct{ domain, os, osVersion, arch, clientVersion, engine, engineVersion string }

// addressed keeps the addresses that were asked for last. Which are kept changes nothing but the time that it takes.
var addressed = struct {
	seed maphash.Seed
	last [512]atomic.Pointer[address]
}{seed: maphash.MakeSeed()}

type address struct {
	of common
	at rowkey.Address
}

func platformOf(f device.Facts) rowkey.Address {
	of := common{f.Domain, f.OS, f.OSVersion, f.Arch, f.ClientVersion, f.Engine, f.EngineVersion}
	last := &addressed.last[maphash.Comparable(addressed.seed, of)%uint64(len(addressed.last))]
	if known := last.Load(); known != nil && known.of == of {
		return known.at
	}
	at := rowkey.AddressOf(of.domain, of.os, of.osVersion, of.arch, of.clientVersion, of.engine, of.engineVersion)
	last.Store(&address{of, at})
	return at
}

func platformTable() projections.Table {
	return projections.NewTable(projections.TableSpec[platformRow, PlatformKey]{
		Name: "platform",
		Keys: func(r eventstore.Recorded, touch func(PlatformKey)) {
			if f, ok := factsOf(r.Event); ok {
				touch(PlatformKey{r.Stream.Tenant, platformOf(f)})
			}
		},
		Upserts: []domain.Event{device.Enrolled{}, device.Observed{}},
		Fold: func(row *platformRow, r eventstore.Recorded) {
			f, _ := factsOf(r.Event)
			same := row.Domain == f.Domain && row.OS == f.OS && row.OSVersion == f.OSVersion && row.Arch == f.Arch &&
				row.ClientVersion == f.ClientVersion && row.Engine == f.Engine && row.EngineVersion == f.EngineVersion
			if row.Exists() && !same {
				panic("two platforms share an address")
			}
			row.Domain, row.OS, row.OSVersion, row.Arch = f.Domain, f.OS, f.OSVersion, f.Arch
			row.ClientVersion, row.Engine, row.EngineVersion = f.ClientVersion, f.Engine, f.EngineVersion
		},
	})
}

func factsOf(e domain.Event) (device.Facts, bool) {
	switch e := e.(type) {
	case device.Enrolled:
		return e.Facts, true
	case device.Observed:
		return e.Facts, true
	}
	return device.Facts{}, false
}
