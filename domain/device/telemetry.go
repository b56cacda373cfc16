package device

import (
	"strconv"
	"time"

	"avportal/domain"
)

// Coalesce is how long facts that change all the time are held back after the last observation.
const Coalesce = 4 * time.Hour

// Telemetry is what decisions about a device's telemetry need: hashes of the facts as last told, and when.
type Telemetry struct {
	tenant domain.Tenant
	at     time.Time
	stable uint64
	moving uint64
}

// TelemetryStream is the stream of a device's telemetry, apart from the action log.
func TelemetryStream(t domain.Tenant, d domain.DeviceID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindDevice, ID: string(d), Telemetry: true}
}

// Evolve returns the state after one more event.
func (s Telemetry) Evolve(e domain.Event) Telemetry {
	if e, ok := e.(Observed); ok {
		s = Telemetry{tenant: e.Tenant, at: e.At, stable: e.Facts.stable(), moving: moving(e.Facts, e.LastScan)}
	}
	return s
}

// Scope is the tenant as a whole: the customer changes when the device is moved, which telemetry does not learn.
// So Observe is sent by an actor without a customer, domain.DeviceActor(id, domain.Scope{Tenant: t}).
func (s Telemetry) Scope() domain.Scope { return domain.Scope{Tenant: s.tenant} }

func (f Facts) stable() uint64 {
	return hash(f.Hostname, f.OS, f.OSVersion, f.Arch, f.IP, f.Domain, f.ClientVersion, f.Engine)
}

func moving(f Facts, l LastScan) uint64 {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	instant := func(t time.Time) string { return number(t.UnixMicro()) }
	return hash(f.EngineVersion, f.SignatureVersion, instant(f.SignatureDate),
		instant(l.FinishedAt), l.Profile, l.Outcome, number(l.Files), number(l.Infected), number(l.Errors))
}
