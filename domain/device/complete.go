package device

import (
	"time"

	"avportal/domain"
)

// Complete says how a request ended. A device may refuse one without having begun.
type Complete struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID
	OK      bool
	Code    string // "done", or why not
	Detail  string // a sentence for people
	// Of a scan: the counts, and threats that it found or found gone; others are not concerned.
	Scan    ScanResult
	Threats []Threat
	// Of an update.
	SignatureVersion string
	SignatureDate    time.Time
	Log              Log // that was sent; the zero value: none
	At               time.Time
}

// ScanResult counts what a scan met.
type ScanResult struct {
	Files    int64 `json:"files"` // looked at; -1 where the engine does not say
	Infected int64 `json:"infected"`
	Errors   int64 `json:"errors"` // files that could not be read
}

// RequestCompleted tells how the request ended.
type RequestCompleted struct {
	Device           domain.DeviceID `json:"device"`
	Request          RequestID       `json:"request"`
	Kind             RequestKind     `json:"kind"`
	Profile          ScanProfile     `json:"profile,omitempty"`
	OK               bool            `json:"ok"`
	Code             string          `json:"code"`
	Detail           string          `json:"detail"`
	Scan             ScanResult      `json:"scan,omitzero"`
	SignatureVersion string          `json:"signature_version,omitempty"`
	SignatureDate    time.Time       `json:"signature_date,omitzero"`
	At               time.Time       `json:"at"`
}

// EventType is the stored type name.
func (RequestCompleted) EventType() string { return "device.request_completed" }

// Stream is the device's.
func (c Complete) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c Complete) Needs() domain.Permission { return domain.ActAsDevice }

// AllowedWhenExpired is there because a client may always say how it is.
func (c Complete) AllowedWhenExpired() {}

// Decide ends the request. What the scan found is told first, so that whoever sees the end sees the findings.
func (c Complete) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	p, err := s.request(c.Request)
	if err != nil {
		return nil, err
	}
	for _, t := range []struct {
		field, value string
		limit        int
	}{{"/code", c.Code, MaxFact}, {"/detail", c.Detail, MaxDetail}, {"/signature_version", c.SignatureVersion, MaxFact}} {
		if err := domain.Text(t.field, t.value, t.limit); err != nil {
			return nil, err
		}
	}
	events, err := s.compare(c.Device, c.Threats, false)
	if err != nil {
		return nil, err
	}
	if p.Kind == ApplyProfile && c.OK {
		events = append(events, s.apply(c.Device, p.Configuration, c.At)...)
	}
	if p.Kind == FetchLog && c.OK && c.Log == (Log{}) {
		c.OK, c.Code, c.Detail = false, "invalid", "the device sent no log"
	}
	if p.Kind == FetchLog && c.OK {
		events = append(events, LogReceived{Device: c.Device, Request: c.Request, Log: c.Log, At: domain.Instant(c.At)})
	}
	return append(events, RequestCompleted{
		Device: c.Device, Request: c.Request, Kind: p.Kind, Profile: p.Profile, OK: c.OK, Code: c.Code, Detail: c.Detail,
		Scan: c.Scan, SignatureVersion: c.SignatureVersion, SignatureDate: instant(c.SignatureDate), At: domain.Instant(c.At),
	}), nil
}
