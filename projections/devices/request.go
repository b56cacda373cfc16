package devices

import (
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// RequestKey is the key of a request.
type RequestKey struct {
	Tenant  domain.Tenant    `db:"tenant"`
	Device  rowkey.Key       `db:"device"`
	Request device.RequestID `db:"request"`
}

type requestRow struct {
	RequestKey
	Revision    int64              `db:"revision"`
	Kind        device.RequestKind `db:"kind"`
	Profile     device.ScanProfile `db:"profile"`
	Phase       phase              `db:"phase"`
	RequestedAt time.Time          `db:"requested_at"`
	ExpiresAt   time.Time          `db:"expires_at"`
	SentAt      time.Time          `db:"sent_at"`
	StartedAt   time.Time          `db:"started_at"`
	EndedAt     time.Time          `db:"ended_at"`
	OK          bool               `db:"ok"`
	Code        string             `db:"code"`
	Detail      string             `db:"detail"`
	Files       int64              `db:"files"`
	Infected    int64              `db:"infected"`
	Errors      int64              `db:"errors"`
}

// phase is how far a request has come. Whether a queued one is the next depends on the others, so the query says it.
type phase int16

const (
	queued phase = iota
	sent
	started
	completed
	aborted
)

func requests() projections.Table {
	return projections.NewTable(projections.TableSpec[requestRow, RequestKey]{
		Name:    "request",
		Keys:    requestKeys,
		Creates: []domain.Event{device.ScanRequested{}, device.UpdateRequested{}, device.ProfileRequested{}, device.LogRequested{}},
		Fold:    foldRequest,
	})
}

func requestKeys(r eventstore.Recorded, touch func(RequestKey)) {
	id := func(request device.RequestID) { touch(RequestKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID), request}) }
	switch e := r.Event.(type) {
	case device.ScanRequested:
		id(e.Request)
	case device.UpdateRequested:
		id(e.Request)
	case device.ProfileRequested:
		id(e.Request)
	case device.LogRequested:
		id(e.Request)
	case device.RequestSent:
		id(e.Request)
	case device.RequestStarted:
		id(e.Request)
	case device.RequestCompleted:
		id(e.Request)
	case device.RequestAborted:
		id(e.Request)
	}
}

func foldRequest(row *requestRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case device.ScanRequested:
		row.Revision, row.Kind, row.Profile = int64(r.Revision), device.Scan, e.Profile
		row.RequestedAt, row.ExpiresAt = e.At, e.ExpiresAt
	case device.UpdateRequested:
		row.Revision, row.Kind = int64(r.Revision), device.Update
		row.RequestedAt, row.ExpiresAt = e.At, e.ExpiresAt
	case device.ProfileRequested:
		row.Revision, row.Kind = int64(r.Revision), device.ApplyProfile
		row.RequestedAt, row.ExpiresAt = e.At, e.ExpiresAt
	case device.LogRequested:
		row.Revision, row.Kind = int64(r.Revision), device.FetchLog
		row.RequestedAt, row.ExpiresAt = e.At, e.ExpiresAt
	case device.RequestSent:
		row.Phase, row.SentAt = sent, e.At
	case device.RequestStarted:
		row.Phase, row.StartedAt = started, e.At
	case device.RequestCompleted:
		row.Phase, row.EndedAt = completed, e.At
		row.OK, row.Code, row.Detail = e.OK, e.Code, e.Detail
		row.Files, row.Infected, row.Errors = e.Scan.Files, e.Scan.Infected, e.Scan.Errors
	case device.RequestAborted:
		row.Phase, row.EndedAt, row.Code = aborted, r.At, string(e.Reason)
	}
}
