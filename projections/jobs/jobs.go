// Package jobs is the read model of work on many devices: what it is and how far it is. The result of each item stands in the
// job's own stream.
package jobs

import (
	_ "embed"
	"time"

	"avportal/domain"
	"avportal/domain/job"
	"avportal/eventstore"
	"avportal/projections"
)

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// View is the read model.
var View = projections.View{Name: "jobs", Version: 2, Schema: schema, Indexes: indexes, Tables: []projections.Table{table()}}

// Key is the key of a job.
type Key struct {
	Tenant domain.Tenant `db:"tenant"`
	Job    job.ID        `db:"job"`
}

type row struct {
	Key
	Customer   domain.CustomerID `db:"customer"`
	Action     job.Action        `db:"action"`
	Group      domain.GroupID    `db:"group_id"`
	Profile    string            `db:"profile"`
	Undoes     job.ID            `db:"undoes"`
	Actor      domain.ActorKind  `db:"actor"`
	ActorID    string            `db:"actor_id"`
	Total      int32             `db:"total"`
	Done       int32             `db:"done"`
	Failed     int32             `db:"failed"`
	AcceptedAt time.Time         `db:"accepted_at"`
	FinishedAt time.Time         `db:"finished_at"`
}

func table() projections.Table {
	return projections.NewTable(projections.TableSpec[row, Key]{
		Name: "job",
		Keys: func(r eventstore.Recorded, touch func(Key)) {
			if r.Stream.Kind == domain.KindJob {
				touch(Key{r.Stream.Tenant, job.ID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{job.Accepted{}},
		Fold:    fold,
	})
}

//nolint:gosec // a job has at most a few thousand items
func fold(j *row, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case job.Accepted:
		j.Customer, j.Action, j.Group, j.Profile, j.Undoes = e.Customer, e.Order.Action, e.Order.To, e.Order.Profile, e.Order.Undoes
		j.Actor, j.ActorID = r.Meta.Actor, r.Meta.ActorID
		j.Total, j.AcceptedAt = int32(len(e.Items)), r.At
	case job.Progressed:
		j.Done = int32(e.Done)
		for _, result := range e.Results {
			if !result.OK {
				j.Failed++
			}
		}
	case job.Finished:
		j.Failed, j.FinishedAt = int32(e.Failed), r.At
	}
}
