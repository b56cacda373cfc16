// Package demo fills an empty portal with a reseller whose customers have a past: by the same commands that people and
// devices use, so that everything the portal shows has its history.
package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/license"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

// Tenant is the demo reseller.
const Tenant domain.Tenant = "5ec0de00a11b4c0d8e0f1a2b3c4d5e6f"

// AdminID is the demo reseller's administrator in the action log.
const AdminID = "demo-admin"

// Result is what the demo hands to whoever started it.
type Result struct {
	// AgentTID enrolls real devices, the local agent first of all.
	AgentTID domain.TID
	// SimulationTID belongs to a license without a limit, for simulated fleets.
	SimulationTID domain.TID
	Customers     int
	Devices       int
}

// company is one customer of the demo and the state it is meant to show.
type company struct {
	name    string
	devices int
	seats   int           // 0: an MSP license without a limit
	until   time.Duration // of the license, from now
	years   int
	groups  []string
	// ill is how many devices have an open threat; stale how many have old signatures; off how many have a guard off.
	ill, stale, off int
}

const day = 24 * time.Hour

// companies: large and small, healthy and not, licenses that are fresh, full, about to expire and expired.
var companies = [...]company{
	{name: "Bäckerei Ährenkranz GmbH", devices: 18, seats: 25, until: 300 * day, years: 1, groups: []string{"Filialen", "Verwaltung"}, ill: 1, stale: 2},
	{name: "Kanzlei Dr. Öztürk & Partner", devices: 12, seats: 12, until: 700 * day, years: 3, groups: []string{"Empfang", "Anwälte"}},
	{name: "Müller Maschinenbau AG", devices: 74, seats: 80, until: 120 * day, years: 2, groups: []string{"Konstruktion", "Fertigung", "Versand"}, ill: 2, stale: 5, off: 3},
	{name: "Praxis am Stadtpark", devices: 9, seats: 10, until: 12 * day, years: 1, groups: []string{"Anmeldung"}, stale: 1},
	{name: "Hotel Seeblick", devices: 16, seats: 20, until: 26 * day, years: 1, groups: []string{"Rezeption", "Küche"}, off: 1},
	{name: "Autohaus Schröder", devices: 21, seats: 25, until: -9 * day, years: 1, groups: []string{"Werkstatt", "Verkauf"}, ill: 1, stale: 4},
	{name: "Stadtwerke Neuburg", devices: 58, seats: 60, until: 400 * day, years: 5, groups: []string{"Leitstelle", "Kundenbüro", "Außendienst"}, stale: 3, off: 2},
	{name: "Grafikbüro Pixelwerk", devices: 7, seats: 10, until: 88 * day, years: 1, groups: []string{"Studio"}},
	{name: "Zahntechnik Zöller", devices: 5, seats: 5, until: 210 * day, years: 1},
	{name: "Spedition Nordwind", devices: 33, until: 0, groups: []string{"Disposition", "Lager", "Fahrzeuge"}, ill: 1, stale: 2, off: 1},
	{name: "Gemeinde Überlingen-Ost", devices: 29, seats: 40, until: 33 * day, years: 1, groups: []string{"Rathaus", "Bauhof", "Schule"}, stale: 2},
	{name: "Weingut Sonnenhang", devices: 4, seats: 5, until: -60 * day, years: 1},
	{name: "Testlabor Simulation", until: 0},
}

type builder struct {
	h    *commands.Handler
	now  time.Time
	seen Seen
}

// Seen is told when a device was in contact for the last time.
type Seen func(tenant domain.Tenant, device domain.DeviceID, at time.Time)

// Fill makes the demo, or, on a log that has it, tells its result again: ids follow from names, so each command that
// was carried out before is a replay.
func Fill(ctx context.Context, h *commands.Handler, seen Seen, now time.Time, progress func(done, total int)) (Result, error) {
	b := &builder{h: h, now: now, seen: seen}
	res := Result{Customers: len(companies)}
	_, err := commands.Do[reseller.State](ctx, h, b.request("reseller", operator()), reseller.Register{Tenant: Tenant, Name: "Demo Systemhaus", Language: "de", At: now})
	if err != nil {
		return res, fmt.Errorf("demo reseller: %w", err)
	}
	total := 0
	for _, c := range companies {
		total += c.devices
	}
	var g errgroup.Group
	g.SetLimit(16) // appends of several devices share one flush
	for i, c := range companies {
		tid, err := b.company(ctx, i, c)
		if err != nil {
			return res, fmt.Errorf("demo customer %q: %w", c.name, err)
		}
		switch i {
		case 0:
			res.AgentTID = tid
		case len(companies) - 1:
			res.SimulationTID = tid
		}
		for n := range c.devices {
			id := res.Devices
			res.Devices++
			g.Go(func() error {
				if err := b.device(ctx, c, i, n, id, tid); err != nil {
					return fmt.Errorf("demo device %d of %q: %w", n, c.name, err)
				}
				return nil
			})
			if progress != nil {
				progress(res.Devices, total)
			}
		}
	}
	return res, g.Wait()
}

// TIDs tells the result of a demo that the log has already.
func TIDs(ctx context.Context, h *commands.Handler) (res Result, err error) {
	look := func(i int, tid *domain.TID) {
		if err == nil {
			err = commands.Inspect(ctx, h, license.Stream(Tenant, licenseID(i)), func(s license.State, _ eventstore.Revision) { *tid = s.Key() })
		}
	}
	look(0, &res.AgentTID)
	look(len(companies)-1, &res.SimulationTID)
	res.Customers = len(companies)
	return res, err
}

// company imports a customer with its license, and makes its groups.
func (b *builder) company(ctx context.Context, i int, c company) (domain.TID, error) {
	past := b.now.Add(-400 * day)
	id := customerID(i)
	_, err := commands.Do[customer.State](ctx, b.h, b.request(fmt.Sprint("customer ", i), admin()), customer.Import{
		Tenant: Tenant, Customer: id, Name: c.name, Number: number(i), At: past,
	})
	if err != nil {
		return "", err
	}
	l := licenseID(i)
	random := named("random", i)
	c10 := [10]byte(random[:10])
	imported := license.Import{
		Tenant: Tenant, License: l, Customer: id, Name: c.name, Key: domain.NewTID(Tenant, l, c10),
		Kind: license.MSP, ValidFrom: past, At: past,
	}
	if c.seats > 0 {
		imported.Kind, imported.Seats, imported.TermYears = license.Purchase, c.seats, c.years
		imported.ValidUntil = b.now.Add(c.until).Truncate(time.Hour)
		imported.ValidFrom = imported.ValidUntil.AddDate(-c.years, 0, 0)
	}
	if _, err := commands.ImportLicense(ctx, b.h, b.request(fmt.Sprint("license ", i), admin()), imported); err != nil {
		return "", err
	}
	return imported.Key, b.groups(ctx, i, c)
}

func (b *builder) request(what string, actor domain.Actor) commands.Request {
	return commands.Request{Actor: actor, At: b.now, ID: uuid.NewSHA1(space, []byte("command "+what))}
}

var space = uuid.MustParse("d0c5a6d2-3f0e-4a51-9a4e-5f0d4b1f6c7e")

func named(what string, i int) uuid.UUID {
	return uuid.NewSHA1(space, fmt.Appendf(nil, "%s %d", what, i))
}

func licenseID(i int) domain.LicenseID { return domain.LicenseID(named("license", i).String()) }

func admin() domain.Actor {
	return domain.Actor{Kind: domain.ActorUser, ID: AdminID, Role: domain.ResellerAdmin, Tenant: Tenant}
}

func operator() domain.Actor {
	return domain.Actor{Kind: domain.ActorSystem, ID: "operator", Role: domain.Operator}
}
