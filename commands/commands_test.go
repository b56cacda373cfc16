package commands_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

const (
	tenant  domain.Tenant = "0123456789abcdef0123456789abcdef"
	foreign domain.Tenant = "fedcba9876543210fedcba9876543210"
)

var now = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// bench is a portal's write side on a store in memory.
type bench struct {
	*testing.T
	store eventstore.Store
	h     *commands.Handler
}

func setup(t *testing.T) bench {
	t.Helper()
	store := memory.New(catalog.Registry())
	store.SetClock(func() time.Time { return now })
	return bench{t, store, commands.New(store)}
}

func admin() domain.Actor {
	return domain.Actor{Kind: domain.ActorUser, ID: "admin", Role: domain.ResellerAdmin, Tenant: tenant}
}

func request(actor domain.Actor) commands.Request {
	return commands.Request{Actor: actor, At: now, ID: uuid.New()}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (b bench) customer(id domain.CustomerID) {
	b.Helper()
	must(commands.Do[customer.State](b.Context(), b.h, request(admin()), customer.Import{Tenant: tenant, Customer: id, Name: "Customer " + string(id), At: now}))(b.T)
}

// license imports one for a customer of its own and gives its TID.
func (b bench) license(id domain.LicenseID, seats int) domain.TID {
	b.Helper()
	owner := domain.CustomerID("c-" + string(id))
	b.customer(owner)
	tid := domain.NewTID(tenant, id, [10]byte{1, 2, 3})
	must(commands.ImportLicense(b.Context(), b.h, request(admin()), license.Import{
		Tenant: tenant, License: id, Customer: owner, Name: "License " + string(id), Key: tid,
		Kind: license.Purchase, Seats: seats, TermYears: 1, ValidFrom: now.AddDate(0, -6, 0), ValidUntil: now.AddDate(0, 6, 0), At: now,
	}))(b.T)
	return tid
}

func (b bench) enroll(tid domain.TID) domain.DeviceID {
	b.Helper()
	e, _, err := commands.EnrollDevice(b.Context(), b.h, commands.Request{At: now, ID: uuid.New()}, commands.Enrollment{
		TID: string(tid), GUID: uuid.NewString(), Facts: device.Facts{Hostname: "pc"},
	})
	if err != nil {
		b.Fatal(err)
	}
	return e.Device
}

func (b bench) log() []eventstore.Recorded {
	b.Helper()
	var all []eventstore.Recorded
	for r, err := range b.store.ReadAll(b.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func rename(id domain.CustomerID, name string) customer.Rename {
	return customer.Rename{Tenant: tenant, Customer: id, Name: name, At: now}
}

func TestRepeatingACommandIsAReplay(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	rq := request(admin())
	rq.Fingerprint = "body 1"
	first := must(commands.Do[customer.State](t.Context(), b.h, rq, rename("c1", "New")))(t)
	must(commands.Do[customer.State](t.Context(), b.h, request(admin()), rename("c1", "Newer")))(t)

	restarted := commands.New(b.store) // another process, or this one after a restart
	for name, h := range map[string]*commands.Handler{"same process": b.h, "restarted": restarted} {
		again := must(commands.Do[customer.State](t.Context(), h, rq, rename("c1", "New")))(t)
		if !again.Replayed || again.Position != first.Position || again.Revision != first.Revision {
			t.Errorf("%s: got %+v, want a replay of %+v", name, again, first)
		}
		other := rq
		other.Fingerprint = "body 2"
		if _, err := commands.Do[customer.State](t.Context(), h, other, rename("c1", "Other")); !errors.Is(err, domain.ErrKeyReused) {
			t.Errorf("%s: same id, other body: %v, want ErrKeyReused", name, err)
		}
	}
	if n := len(b.log()); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func TestStrangersMeetNothing(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	stranger, neighbor := admin(), admin()
	stranger.Tenant, neighbor.Customer = foreign, "c2"
	reader := admin()
	reader.Role = domain.ResellerReadOnly
	for _, c := range []struct {
		name  string
		actor domain.Actor
		id    domain.CustomerID
		want  error
	}{
		{"another reseller", stranger, "c1", domain.ErrNotFound},
		{"another customer", neighbor, "c1", domain.ErrNotFound},
		{"not existing", admin(), "c9", domain.ErrNotFound},
		{"read-only", reader, "c1", domain.ErrForbidden},
	} {
		if _, err := commands.Do[customer.State](t.Context(), b.h, request(c.actor), rename(c.id, "Mine")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// A stranger who knows an id can't start a stream in another tenant either.
	if _, err := commands.Do[customer.State](t.Context(), b.h, request(stranger), customer.Import{Tenant: tenant, Customer: "c7", Name: "x", At: now}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("foreign import: %v, want ErrNotFound", err)
	}
	if n := len(b.log()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestExpectedRevision(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	rq := request(admin())
	seen := eventstore.Revision(0)
	rq.Expected = &seen
	must(commands.Do[customer.State](t.Context(), b.h, rq, rename("c1", "First")))(t)
	late := request(admin())
	late.Expected = &seen
	if _, err := commands.Do[customer.State](t.Context(), b.h, late, rename("c1", "Second")); !errors.Is(err, domain.ErrStale) {
		t.Errorf("stale: %v, want ErrStale", err)
	}
}

func TestAnotherProcessIsNoticed(t *testing.T) {
	b := setup(t)
	other := commands.New(b.store)
	b.license("l1", 1)
	must(commands.Do[license.State](t.Context(), other, request(admin()), license.ChangeSeats{Tenant: tenant, License: "l1", Seats: 2, At: now}))(t)
	// Ours still has one seat in memory: accepting would be found out by the append, refusing must look again.
	expired := now.AddDate(1, 0, 0)
	must(commands.Do[license.State](t.Context(), other, request(admin()), license.Renew{Tenant: tenant, License: "l1", TermYears: 1, ValidUntil: expired.AddDate(1, 0, 0), At: now}))(t)
	rq := request(admin())
	rq.At = expired
	if _, err := commands.Do[license.State](t.Context(), b.h, rq, license.ChangeSeats{Tenant: tenant, License: "l1", Seats: 3, At: expired}); err != nil {
		t.Errorf("a license that another process has renewed: %v", err)
	}
}

func TestWhatAnotherProcessHasChangedIsChangedBack(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	must(commands.Do[customer.State](t.Context(), b.h, request(admin()), rename("c1", "Ours")))(t)
	must(commands.Do[customer.State](t.Context(), commands.New(b.store), request(admin()), rename("c1", "Theirs")))(t)
	// Ours still has the name in memory, by which there would be nothing to do.
	if res := must(commands.Do[customer.State](t.Context(), b.h, request(admin()), rename("c1", "Ours")))(t); res.Events != 1 {
		t.Errorf("the name was not changed back: %+v", res)
	}
}

func TestAnExpiredLicenseRefusesByDefault(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 5)
	d := b.enroll(tid)
	rq := request(admin())
	rq.At = now.AddDate(1, 0, 0)
	if _, err := commands.Do[device.State](t.Context(), b.h, rq, device.Relabel{Tenant: tenant, Device: d, Label: "x", At: rq.At}); !errors.Is(err, domain.ErrLicenseExpired) {
		t.Errorf("relabel: %v, want ErrLicenseExpired", err)
	}
	own := commands.Request{Actor: domain.DeviceActor(d, domain.Scope{Tenant: tenant}), At: rq.At, ID: uuid.New()}
	if _, err := commands.Do[device.State](t.Context(), b.h, own, device.Report{Tenant: tenant, Device: d, Guards: device.Guards{Engine: device.On}, At: rq.At}); err != nil {
		t.Errorf("a client may still say how it is: %v", err)
	}
	if _, err := commands.RemoveDevice(t.Context(), b.h, request(admin()), device.Remove{Tenant: tenant, Device: d, At: rq.At}); err != nil {
		t.Errorf("a seat may still be given back: %v", err)
	}
}

// No update is lost when many change one license, through two processes.
func TestSixteenWritersOnOneLicense(t *testing.T) {
	b := setup(t)
	b.license("l1", 1)
	handlers := []*commands.Handler{b.h, commands.New(b.store)}
	const writers, each = 16, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				rq := request(admin())
				for {
					_, err := commands.Do[license.State](t.Context(), handlers[w%2], rq, license.Rename{
						Tenant: tenant, License: "l1", Name: fmt.Sprintf("by %d, %d", w, i), At: now,
					})
					if err == nil {
						break
					}
					if !errors.Is(err, domain.ErrBusy) { // too many conflicts: repeat with the same id
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	var last string
	renamed := 0
	for _, r := range b.log() {
		if e, ok := r.Event.(license.Renamed); ok {
			if renamed++; renamed > 1 && e.From != last {
				t.Fatalf("revision %d renames from %q, but the name was %q: an update was lost", r.Revision, e.From, last)
			}
			last = e.To
		}
	}
	if renamed != writers*each {
		t.Errorf("%d renames, want %d", renamed, writers*each)
	}
}

// Fifty devices for the last two seats, through two processes: two get one, at every position of the log.
func TestTheLastTwoSeats(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 2)
	handlers := []*commands.Handler{b.h, commands.New(b.store)}
	var mu sync.Mutex
	outcomes := map[string]int{}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			guid := uuid.NewString()
			for {
				_, _, err := commands.EnrollDevice(t.Context(), handlers[i%2], commands.Request{At: now, ID: uuid.New()}, commands.Enrollment{TID: string(tid), GUID: guid})
				if errors.Is(err, domain.ErrBusy) {
					continue
				}
				outcome := "enrolled"
				var refusal *domain.Error
				if errors.As(err, &refusal) {
					outcome = refusal.Code
				} else if err != nil {
					outcome = err.Error()
				}
				mu.Lock()
				outcomes[outcome]++
				mu.Unlock()
				return
			}
		})
	}
	wg.Wait()
	if len(outcomes) != 2 || outcomes["enrolled"] != 2 || outcomes["no_seats"] != 48 {
		t.Errorf("outcomes %v, want 2 enrolled and 48 no_seats", outcomes)
	}
	used, enrolled := 0, 0
	for _, r := range b.log() {
		switch r.Event.(type) {
		case license.Activated:
			used++
		case license.Released:
			used--
		case device.Enrolled:
			enrolled++
		}
		if used > 2 {
			t.Fatalf("%d seats in use at %s", used, r.Position)
		}
	}
	if used != 2 || enrolled != 2 {
		t.Errorf("%d seats in use, %d devices enrolled, want 2 and 2", used, enrolled)
	}
}

func TestWatch(t *testing.T) {
	b := setup(t)
	d := b.enroll(b.license("l1", 5))
	changed, stop := b.h.Watch(device.Stream(tenant, d))
	defer stop()
	must(commands.Do[device.State](t.Context(), b.h, request(admin()), device.Relabel{Tenant: tenant, Device: d, Label: "x", At: now}))(t)
	select {
	case <-changed:
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was woken")
	}
}

func TestADeadStoreIsNoEternity(t *testing.T) {
	b := setup(t)
	b.customer("c1")
	h := commands.New(unavailable{b.store})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := commands.Do[customer.State](ctx, h, request(admin()), rename("c1", "x")); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
}

// unavailable is a store whose appends have an unknown outcome.
type unavailable struct{ eventstore.Store }

func (unavailable) Append(context.Context, domain.Stream, eventstore.Revision, []eventstore.Proposed) (eventstore.Appended, error) {
	return eventstore.Appended{}, eventstore.ErrUnavailable
}
