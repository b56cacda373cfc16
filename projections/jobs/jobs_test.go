package jobs

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/job"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
	"avportal/projections/projectiontest"
)

func accepted(f *fleettest.Fleet, id job.ID, of domain.CustomerID, at time.Time, items int) {
	devices := make([]job.Item, items)
	for i := range devices {
		devices[i] = job.Item(fmt.Sprintf("d%d", i))
	}
	f.AddAt(job.Stream(f.Tenant, id), at, job.Accepted{Tenant: f.Tenant, Customer: of, Job: id, Order: job.Order{Action: job.MoveDevices, To: "l.main"}, Items: devices})
	f.Events[len(f.Events)-1].Meta = eventstore.Metadata{Actor: domain.ActorUser, ActorID: "u1"}
}

func TestAJobFromAcceptedToFinished(t *testing.T) {
	f := fleettest.New()
	accepted(f, "j1", "", fleettest.Now, 3)
	f.Add(job.Stream(f.Tenant, "j1"), job.Progressed{Job: "j1", Results: []job.Result{{Item: "d0", OK: true}, {Item: "d1"}}, Done: 2, Total: 3})
	accepted(f, "j2", "", fleettest.Now, 1)
	f.Add(job.Stream(f.Tenant, "j2"), job.Progressed{Job: "j2", Results: []job.Result{{Item: "d0"}}, Done: 1, Total: 1})
	f.Add(job.Stream(f.Tenant, "j2"), job.Finished{Job: "j2", Failed: 1})
	g := projectiontest.Run(t, View, f.Events...)
	for id, want := range map[job.ID]Job{
		"j1": {ID: "j1", Action: job.MoveDevices, State: Running, Group: "l.main", Actor: domain.ActorUser, ActorID: "u1", Total: 3, Done: 2, Failed: 1, AcceptedAt: fleettest.Now},
		"j2": {ID: "j2", Action: job.MoveDevices, State: Finished, Group: "l.main", Actor: domain.ActorUser, ActorID: "u1", Total: 1, Done: 1, Failed: 1, AcceptedAt: fleettest.Now, FinishedAt: fleettest.Now},
	} {
		if got, err := Get(t.Context(), g.DB(), f.Scope(), id); err != nil || got != want {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
		}
	}
}

func TestJobsNewestFirstAndOnlyOnesOwn(t *testing.T) {
	ours, theirs := fleettest.New(), fleettest.New()
	for i := range 5 {
		of := domain.CustomerID("")
		if i%2 == 1 {
			of = "c1"
		}
		accepted(ours, job.ID(fmt.Sprintf("j%d", i)), of, fleettest.Now.Add(time.Duration(i/2)*time.Minute), 1)
	}
	ours.Add(job.Stream(ours.Tenant, "j0"), job.Finished{Job: "j0", Succeeded: 1})
	accepted(theirs, "jx", "", fleettest.Now, 1)
	s := fleettest.Serve(t, []projections.View{View}, ours, theirs)
	for _, c := range []struct {
		scope  domain.Scope
		filter Filter
		want   string
	}{
		{ours.Scope(), Filter{}, "[j4 j3 j2 j1 j0]"},
		{ours.Scope(), Filter{States: []State{Finished}}, "[j0]"},
		{ours.Scope(), Filter{States: []State{Accepted, Running}}, "[j4 j3 j2 j1]"},
		{ours.Scope(), Filter{Actions: []job.Action{job.ScanDevices}}, "[]"},
		{domain.Scope{Tenant: ours.Tenant, Customer: "c1"}, Filter{}, "[j3 j1]"},
		{theirs.Scope(), Filter{}, "[jx]"},
	} {
		var got []job.ID
		for cursor := ""; ; {
			p, err := List(t.Context(), s.Readers, c.scope, c.filter, page.Paging{Cursor: cursor, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range p.Items {
				got = append(got, j.ID)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%+v %+v: got %v, want %s", c.scope, c.filter, got, c.want)
		}
	}
	for _, scope := range []domain.Scope{theirs.Scope(), {Tenant: ours.Tenant, Customer: "c1"}} {
		if _, err := Get(t.Context(), s.Readers, scope, "j0"); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("j0 in %+v: %v", scope, err)
		}
	}
}
