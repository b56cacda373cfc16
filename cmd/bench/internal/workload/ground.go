package workload

import (
	"encoding/binary"
	"fmt"
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/reseller"
)

// Ground gives what the devices need: resellers, customers, licenses and groups, then seats and places. All of it must
// stand in the log before Begin.
func (f *Fleet) Ground(yield func(Append) error) error {
	for _, t := range f.Tenants() {
		if err := decide(f, yield, reseller.Register{Tenant: t, Name: "Reseller " + string(t[:8])}, reseller.State{}); err != nil {
			return err
		}
	}
	for i := range f.licenses {
		if err := f.beginLicense(i, yield); err != nil {
			return err
		}
	}
	return f.takeSeats(yield)
}

// Begin gives the devices, each with its first report.
func (f *Fleet) Begin(yield func(Append) error) error {
	for _, d := range f.devices[:f.enrolled] {
		if err := f.enroll(d, yield); err != nil {
			return err
		}
		if err := f.observe(d, yield); err != nil {
			return err
		}
		if err := f.report(d, nil, yield); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) beginLicense(i int, yield func(Append) error) error {
	l := &f.licenses[i]
	if i%perCustomer == 0 {
		c := customer.Import{Tenant: l.tenant, Customer: l.customer, Name: fmt.Sprintf("Customer %06d", i/perCustomer), Number: fmt.Sprint(i)}
		if err := decide(f, yield, c, customer.State{}); err != nil {
			return err
		}
	}
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], f.rnd.Uint64())
	imported := license.Import{
		Tenant: l.tenant, License: l.license, Customer: l.customer, Name: fmt.Sprintf("License %06d", i),
		Key: domain.NewTID(l.tenant, l.license, random), Kind: license.Purchase, Seats: seats, TermYears: 3,
		ValidFrom: f.clock.AddDate(-1, 0, 0), ValidUntil: f.clock.AddDate(0, 0, 10+i%700).Truncate(24 * time.Hour),
	}
	if err := evolve(f, yield, imported, &l.seats); err != nil {
		return err
	}
	if err := evolve(f, yield, group.CreateMain{Tenant: l.tenant, Customer: l.customer, License: l.license, Name: "Main"}, &l.members); err != nil {
		return err
	}
	return evolve(f, yield, group.Create{Tenant: l.tenant, Group: l.groups[1], Parent: l.groups[0], Name: "Notebooks"}, &l.members)
}

// takeSeats gives every device its seat and its place, one append for each license, which real portals do one by one:
// it is only the ground that the measured events stand on.
func (f *Fleet) takeSeats(yield func(Append) error) error {
	for i := range f.licenses {
		l := &f.licenses[i]
		var taken, placed []domain.Event
		for n := i; n < len(f.devices); n += len(f.licenses) {
			d := f.devices[n]
			t, err := collect(&l.seats, license.Activate{Tenant: l.tenant, License: l.license, Device: d.ID, Group: l.groups[0], ByDevice: true, At: f.clock})
			if err != nil {
				return err
			}
			p, err := collect(&l.members, group.AddDevice{Tenant: l.tenant, Group: l.groups[0], Device: d.ID, ByDevice: true, At: f.clock})
			if err != nil {
				return err
			}
			taken, placed = append(taken, t...), append(placed, p...)
		}
		if err := f.propose(license.Stream(l.tenant, l.license), taken, yield); err != nil {
			return err
		}
		if err := f.propose(group.Stream(l.tenant, l.license), placed, yield); err != nil {
			return err
		}
	}
	return nil
}
