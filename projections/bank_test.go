package projections_test

import (
	"time"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections"
)

// A toy domain with everything that a view may need: rows that come, change and go, rows touched by several events and
// events that touch several rows, arrays, NULLs and counters.
type (
	opened struct {
		Owner string    `json:"owner"`
		At    time.Time `json:"at"`
	}
	deposited struct {
		Amount int64 `json:"amount"`
	}
	moved struct {
		To string `json:"to"`
	}
	tagged struct {
		Tags []string `json:"tags"`
	}
	transferred struct {
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
	closed struct{}
	pinged struct{}
)

func (opened) EventType() string      { return "account.opened" }
func (deposited) EventType() string   { return "account.deposited" }
func (moved) EventType() string       { return "account.moved" }
func (tagged) EventType() string      { return "account.tagged" }
func (transferred) EventType() string { return "account.transferred" }
func (closed) EventType() string      { return "account.closed" }
func (pinged) EventType() string      { return "account.pinged" }

func bankRegistry(more ...[]domain.Declaration) *domain.Registry {
	return domain.NewRegistry(append(more, []domain.Declaration{
		domain.Declare[opened](1), domain.Declare[deposited](1), domain.Declare[moved](1), domain.Declare[tagged](1),
		domain.Declare[transferred](1), domain.Declare[closed](1), domain.Declare[pinged](1),
	})...)
}

const bankTenant = domain.Tenant("00112233445566778899aabbccddeeff")

func accountStream(id string) domain.Stream {
	return domain.Stream{Tenant: bankTenant, Kind: "account", ID: id}
}

type accountKey struct {
	Tenant domain.Tenant `db:"tenant"`
	ID     string        `db:"id"`
}

type account struct {
	projections.Presence
	accountKey
	Owner   string    `db:"owner"`
	Balance int64     `db:"balance"`
	Tags    []string  `db:"tags"`
	Note    *string   `db:"note"`
	Changed time.Time `db:"changed"`
}

type ownerCount struct {
	Tenant   domain.Tenant `db:"tenant"`
	Owner    string        `db:"owner"`
	Accounts int64         `db:"accounts"`
	Balance  int64         `db:"balance"`
}

type dayKey struct {
	Tenant domain.Tenant `db:"tenant"`
	Day    time.Time     `db:"day"`
}

type day struct {
	dayKey
	Events int64 `db:"events"`
}

func accountKeys(r eventstore.Recorded, touch func(accountKey)) {
	if r.Stream.Kind != "account" { // what operators decide stands in the same log
		return
	}
	touch(accountKey{r.Stream.Tenant, r.Stream.ID})
	if e, ok := r.Event.(transferred); ok {
		touch(accountKey{r.Stream.Tenant, e.To})
	}
}

func foldAccount(a *account, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case opened:
		*a = account{Owner: e.Owner}
	case deposited:
		a.Balance += e.Amount
	case moved:
		a.Owner = e.To
	case tagged:
		a.Tags = e.Tags
		if len(e.Tags) > 0 {
			a.Note = &e.Tags[0]
		}
	case transferred:
		if a.ID == e.To {
			a.Balance += e.Amount
		}
		if a.ID == r.Stream.ID {
			a.Balance -= e.Amount
		}
	case closed:
		a.Delete()
		return
	}
	if r.At.After(a.Changed) {
		a.Changed = r.At
	}
}

func bank() projections.View {
	accounts := projections.NewTable(projections.TableSpec[account, accountKey]{
		Name: "account", Keys: accountKeys, Fold: foldAccount,
		Creates: []domain.Event{opened{}}, Optional: []domain.Event{pinged{}},
		Counters: []projections.Counter[account]{
			projections.NewCounter("owner_count", func(a account, add func(ownerCount)) {
				add(ownerCount{Tenant: a.Tenant, Owner: a.Owner, Accounts: 1, Balance: a.Balance})
			}),
		},
	})
	days := projections.NewTable(projections.TableSpec[day, dayKey]{
		Name: "day",
		Keys: func(r eventstore.Recorded, touch func(dayKey)) {
			if r.Stream.Kind == "account" {
				touch(dayKey{r.Stream.Tenant, r.At.Truncate(24 * time.Hour)})
			}
		},
		Fold:    func(d *day, _ eventstore.Recorded) { d.Events++ },
		Upserts: []domain.Event{opened{}, deposited{}, moved{}, tagged{}, transferred{}, closed{}, pinged{}},
	})
	return projections.View{
		Name: "bank", Version: 1, Tables: []projections.Table{accounts, days},
		Schema: `
			CREATE TABLE account (tenant uuid, id text, owner text NOT NULL, balance bigint NOT NULL CHECK (balance < 1000000),
				tags text[], note text, changed timestamptz NOT NULL, PRIMARY KEY (tenant, id)) WITH (fillfactor = 80);
			CREATE TABLE owner_count (tenant uuid, owner text, accounts bigint NOT NULL CHECK (accounts >= 0), balance bigint NOT NULL, PRIMARY KEY (tenant, owner));
			CREATE TABLE day (tenant uuid, day timestamptz, events bigint NOT NULL, PRIMARY KEY (tenant, day)); -- how much happened`,
		Indexes: `CREATE INDEX account_owner ON account (tenant, owner, id)`,
	}
}
