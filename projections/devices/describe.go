package devices

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/rowkey"
	"avportal/projections/states"
)

//go:embed describe.sql
var describeSQL string

// described is a row of describe.sql.
type described struct {
	Device                              rowkey.Key
	EnrolledAt                          second
	SignatureDate                       time.Time
	ScanAt                              second
	Guards, Threats                     int16
	Pending, ScanOutcome                int16
	Hostname, Label, IP                 string
	SignatureVersion                    string
	Domain, OS, OSVersion, Arch, Client string
	Engine, EngineVersion               string
	Group                               domain.GroupID
	GroupName                           string
	License                             domain.LicenseID
	LicenseName                         string
	ValidUntil                          time.Time
	Customer                            domain.CustomerID
	CustomerName                        string
	LastSeen                            time.Time
	PendingKind                         device.RequestKind
	PendingPhase                        phase
}

// describe tells all about the devices that marks stand for, in their order. One that has gone meanwhile is left out.
func describe(ctx context.Context, db projections.Querier, t domain.Tenant, c states.Cutoffs, marks []mark) ([]Device, error) {
	ids := make([]rowkey.Key, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	rows, err := db.Query(ctx, describeSQL, t, ids)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Device, error) { return toDevice(row, c) })
}

func toDevice(row pgx.CollectableRow, c states.Cutoffs) (Device, error) {
	d, err := pgx.RowToStructByPos[described](row)
	return d.device(c), err
}

func (r described) device(c states.Cutoffs) Device {
	guards := unpackGuards(r.Guards)
	seen := utc(r.LastSeen)
	if seen.IsZero() {
		seen = r.EnrolledAt.time() // it was there then
	}
	d := Device{
		ID: domain.DeviceID(r.Device), Hostname: r.Hostname, Label: r.Label,
		Customer: r.Customer, CustomerName: r.CustomerName,
		License: r.License, LicenseName: r.LicenseName,
		ValidUntil: utc(r.ValidUntil), Validity: c.Validity(r.ValidUntil),
		Group: r.Group, GroupName: r.GroupName,
		IP: r.IP, Domain: r.Domain, OS: r.OS, OSVersion: r.OSVersion, Arch: r.Arch,
		ClientVersion: r.Client, Engine: r.Engine, EngineVersion: r.EngineVersion,
		SignatureVersion: r.SignatureVersion, SignatureDate: utc(r.SignatureDate), Signatures: c.Signatures(r.SignatureDate),
		Guards: guards, Protection: guards.Protection(), Threats: int(r.Threats),
		LastScanAt: r.ScanAt.time(), LastScanOutcome: outcomes()[r.ScanOutcome],
		EnrolledAt: r.EnrolledAt.time(), LastSeen: utc(r.LastSeen), Contact: c.Contact(seen),
		Pending: int(r.Pending), PendingKind: r.PendingKind,
	}
	if r.Pending > 0 {
		d.PendingState = r.PendingPhase.state(true)
	}
	return d
}

// utc also gives a zero time the form that compares equal to time.Time{}.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// state says where a request stands; first means that no unfinished one is before it.
func (p phase) state(first bool) device.RequestState {
	switch p {
	case sent:
		return device.Waiting
	case started:
		return device.Running
	case completed:
		return device.Completed
	case aborted:
		return device.Aborted
	}
	if first {
		return device.Outstanding
	}
	return device.Created
}
