package api_test

import (
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/domain/reseller"
)

// fleet is two resellers: one with three customers, whose third has an expired license, and a foreign one.
type fleet struct {
	devices  []domain.DeviceID // three of customer c1
	beside   domain.DeviceID   // of customer c2
	expired  domain.DeviceID   // of customer c3
	stranger domain.DeviceID   // of the foreign reseller
}

func (p *portal) fleet() fleet {
	p.Helper()
	for _, t := range []domain.Tenant{tenant, foreign} {
		p.do(commands.Do[reseller.State](p.Context(), p.h, p.operator(), reseller.Register{Tenant: t, Name: "Systemhaus", At: time.Now()}))
	}
	p.license(tenant, "c1", "l1", 10, time.Now().AddDate(0, 6, 0))
	p.license(tenant, "c2", "l2", 2, time.Now().AddDate(0, 0, 10))
	p.license(tenant, "c3", "lx", 5, time.Now().AddDate(0, 0, -1))
	p.license(foreign, "b1", "lb", 5, time.Now().AddDate(1, 0, 0))
	var f fleet
	for _, name := range []string{"PC-1", "PC-2", "PC-3"} {
		f.devices = append(f.devices, p.enroll(tenant, "l1", name, time.Now()))
	}
	f.beside = p.enroll(tenant, "l2", "NB-1", time.Now())
	f.expired = p.enroll(tenant, "lx", "OLD-1", time.Now().AddDate(0, -1, 0))
	f.stranger = p.enroll(foreign, "lb", "ALIEN-1", time.Now())
	return f
}

func (p *portal) operator() commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: "operator", Role: domain.Operator}, At: time.Now(), ID: uuid.New()}
}

func (p *portal) as(t domain.Tenant) commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: "u1", Role: domain.ResellerAdmin, Tenant: t}, At: time.Now(), ID: uuid.New()}
}

func (p *portal) do(res commands.Result, err error) commands.Result {
	p.Helper()
	check(p, err)
	return res
}

func (p *portal) license(t domain.Tenant, c domain.CustomerID, l domain.LicenseID, seats int, until time.Time) {
	p.Helper()
	p.do(commands.Do[customer.State](p.Context(), p.h, p.as(t), customer.Import{Tenant: t, Customer: c, Name: "Customer " + string(c), At: time.Now()}))
	p.do(commands.ImportLicense(p.Context(), p.h, p.as(t), license.Import{
		Tenant: t, License: l, Customer: c, Name: "License " + string(l), Key: tid(t, l), Kind: license.Purchase, Seats: seats, TermYears: 1,
		ValidFrom: until.AddDate(-2, 0, 0), ValidUntil: until, At: time.Now(),
	}))
}

func tid(t domain.Tenant, l domain.LicenseID) domain.TID {
	return domain.NewTID(t, l, [10]byte{1, 2, 3})
}

func (p *portal) enroll(t domain.Tenant, l domain.LicenseID, name string, at time.Time) domain.DeviceID {
	p.Helper()
	e, _, err := commands.EnrollDevice(p.Context(), p.h, commands.Request{At: at, ID: uuid.New()}, commands.Enrollment{
		TID: string(tid(t, l)), GUID: uuid.NewString(), Facts: device.Facts{Hostname: name, OS: "linux", Arch: "amd64", IP: "10.0.0.1"},
	})
	check(p, err)
	return e.Device
}

// say tells something as a device.
func (p *portal) say(d domain.DeviceID, activity uuid.UUID, c domain.Command[device.State]) commands.Result {
	p.Helper()
	id := uuid.New()
	if activity == uuid.Nil {
		activity = id
	}
	return p.do(commands.Do(p.Context(), p.h, commands.Request{
		Actor: domain.DeviceActor(d, domain.Scope{Tenant: tenant}), At: time.Now(), ID: id, Correlation: activity,
	}, c))
}
