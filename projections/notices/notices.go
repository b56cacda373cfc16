// Package notices is the read model of notices: what people were told, and who has read it.
package notices

import (
	_ "embed"
	"time"

	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/projections"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// View is the read model.
var View = projections.View{
	Name: "notices", Version: 2, Schema: schema, Indexes: indexes, Tables: []projections.Table{raised(), readers(), read()},
}

// Key is the key of a notice.
type Key struct {
	Tenant domain.Tenant `db:"tenant"`
	Notice notice.ID     `db:"notice"`
}

type row struct {
	Key
	At       time.Time         `db:"at"`
	Happened time.Time         `db:"happened"`
	Kind     domain.Notice     `db:"kind"`
	Customer domain.CustomerID `db:"customer"`
	License  domain.LicenseID  `db:"license"`
	Group    domain.GroupID    `db:"group_id"`
	Device   domain.DeviceID   `db:"device"`
	User     domain.UserID     `db:"user_id"`
	Facts    notice.Facts      `db:"facts"`
}

func raised() projections.Table {
	return projections.NewTable(projections.TableSpec[row, Key]{
		Name: "notice",
		Keys: func(r eventstore.Recorded, touch func(Key)) {
			if e, ok := r.Event.(notice.Raised); ok {
				touch(Key{r.Stream.Tenant, e.Notice})
			}
		},
		Creates: []domain.Event{notice.Raised{}},
		Fold: func(n *row, r eventstore.Recorded) {
			e := r.Event.(notice.Raised)
			n.At, n.Happened, n.Kind, n.Facts = e.At, e.Happened, e.Kind, e.Facts
			n.Customer, n.License, n.Group, n.Device, n.User = e.Subject.Customer, e.Subject.License, e.Subject.Group, e.Subject.Device, e.Subject.User
		},
	})
}

// ReaderKey is the key of who reads.
type ReaderKey struct {
	Tenant domain.Tenant `db:"tenant"`
	User   domain.UserID `db:"user_id"`
}

type readerRow struct {
	ReaderKey
	ReadUntil time.Time `db:"read_until"`
}

// readers have read what was raised before they came: it is no news to them.
func readers() projections.Table {
	return projections.NewTable(projections.TableSpec[readerRow, ReaderKey]{
		Name: "notice_reader",
		Keys: func(r eventstore.Recorded, touch func(ReaderKey)) {
			switch r.Event.(type) {
			case user.Accepted, user.Admitted, user.NoticesRead:
				touch(ReaderKey{r.Stream.Tenant, domain.UserID(r.Stream.ID)})
			}
		},
		Upserts: []domain.Event{user.Accepted{}, user.Admitted{}, user.NoticesRead{}},
		Fold: func(row *readerRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case user.NoticesRead:
				row.ReadUntil = e.Until
			default:
				row.ReadUntil = r.At
			}
		},
	})
}

// ReadKey is the key of a notice that a person has read.
type ReadKey struct {
	Tenant domain.Tenant `db:"tenant"`
	User   domain.UserID `db:"user_id"`
	Notice notice.ID     `db:"notice"`
}

type readRow struct{ ReadKey }

func read() projections.Table {
	return projections.NewTable(projections.TableSpec[readRow, ReadKey]{
		Name: "notice_read",
		Keys: func(r eventstore.Recorded, touch func(ReadKey)) {
			if e, ok := r.Event.(user.NoticeRead); ok {
				touch(ReadKey{r.Stream.Tenant, e.User, notice.ID(e.Notice)})
			}
		},
		Upserts: []domain.Event{user.NoticeRead{}},
		Fold:    func(*readRow, eventstore.Recorded) {},
	})
}
