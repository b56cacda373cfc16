package demo

import (
	"context"
	"fmt"
	"time"

	"avportal/cmd/internal/demorsp"
	"avportal/commands"
	"avportal/domain"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/http/rsp"
)

// resellerID is the demo reseller in the Reseller Portal: his tenant, as a UUID.
const resellerID = "5ec0de00-a11b-4c0d-8e0f-1a2b3c4d5e6f"

// people are the demo reseller's, in the Reseller Portal.
var people = []rsp.User{
	{
		ID: "0f4c1c52-6f0d-4b8e-9a39-0d6b3f1a2c01", Salutation: "mrs", GivenName: "Anna", FamilyName: "Vogel", Email: "anna.vogel@demo-systemhaus.example",
		Language: "de", Role: "reseller", Reseller: rsp.Reseller{ID: resellerID, Name: "Demo Systemhaus"},
	},
	{
		ID: "0f4c1c52-6f0d-4b8e-9a39-0d6b3f1a2c02", Salutation: "mr", GivenName: "Jonas", FamilyName: "Keller", Email: "jonas.keller@demo-systemhaus.example",
		Language: "en", Role: "reseller_technology", Reseller: rsp.Reseller{ID: resellerID, Name: "Demo Systemhaus"},
	},
}

// newcomers are customers that only the Reseller Portal knows, until somebody signs in through it.
var newcomers = []company{
	{name: "Apotheke am Markt", seats: 8, until: 365 * day, years: 1},
	{name: "Schreinerei Holzwurm", seats: 5, until: 20 * day, years: 1},
	{name: "Kita Regenbogen", until: 0},
}

// ResellerPortal is what the demo Reseller Portal knows: the customers that the demo has, as they are by now, and a few that
// are new.
func ResellerPortal(ctx context.Context, h *commands.Handler, now time.Time) (*demorsp.Inventory, error) {
	inventory := demorsp.NewInventory(people...)
	for i, c := range append(companies[:len(companies):len(companies)], newcomers...) {
		l := listed(i, c, now)
		err := commands.Inspect(ctx, h, license.Stream(Tenant, licenseID(i)), func(s license.State, _ eventstore.Revision) {
			if s.Exists() {
				l.Name, l.Seats, l.ValidUntil = s.Name(), s.Seats(), s.Standing().Until
			}
		})
		if err != nil {
			return nil, err
		}
		inventory.Put(resellerID, rsp.Account{ID: string(customerID(i)), Number: number(i), Name: c.name}, l)
	}
	return inventory, nil
}

func listed(i int, c company, now time.Time) rsp.License {
	l := rsp.License{ID: string(licenseID(i)), Name: c.name, Kind: string(license.MSP), ValidFrom: now.Add(-400 * day)}
	if c.seats > 0 {
		l.Kind, l.Seats, l.TermYears = string(license.Purchase), c.seats, c.years
		l.ValidUntil = now.Add(c.until).Truncate(time.Hour)
		l.ValidFrom = l.ValidUntil.AddDate(-c.years, 0, 0)
	}
	return l
}

func customerID(i int) domain.CustomerID { return domain.CustomerID(named("customer", i).String()) }

func number(i int) string { return fmt.Sprintf("K-%05d", 10017+i*31) }
