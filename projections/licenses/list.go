package licenses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/license"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
	"avportal/projections/states"
)

// License is one license as the portal shows it. Times are UTC.
type License struct {
	ID           domain.LicenseID
	Name         string
	Customer     domain.CustomerID
	CustomerName string
	Kind         license.Kind
	Seats        int // of an MSP license: what was ordered
	Used         int // seats in use
	TermYears    int // 0 for MSP
	ValidFrom    time.Time
	ValidUntil   time.Time // the first instant at which it no longer holds; zero: no end
	TID          domain.TID
	Devices      int
	Infected     int // devices with open threats
	State        states.Validity
	SeatsState   states.Seats
}

// Page is one page of licenses. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []License
	Next  string
}

// Filter narrows the list of licenses. The zero value shows all. Conditions are joined by "and", the values of one by "or".
type Filter struct {
	Customer domain.CustomerID
	Kinds    []license.Kind
	States   []states.Validity // without Expired: hide expired licenses
	Seats    []states.Seats
	Search   string // a part of the license's or the customer's name, in any case

	Sort       Sort // empty means ByName
	Descending bool
}

// Sort is what the list can be ordered by. What is equal is ordered by name.
type Sort string

// The orders there are. The end is that of licenses that have one, then that of those without.
const (
	ByName       Sort = "name" // as in a German dictionary; the default
	ByCustomer   Sort = "customer"
	ByKind       Sort = "kind"
	ByValidUntil Sort = "valid_until"
	BySeats      Sort = "seats"
	ByUsed       Sort = "used"
	ByDevices    Sort = "devices"
	ByInfected   Sort = "infected_devices"
)

type mark = page.Mark[string]

// List answers one page of the licenses within a reach. The error is page.ErrCursor for a cursor of another list.
func List(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter, p page.Paging) (Page, error) {
	of := page.Of{List: "licenses", Scope: scope, Filter: f}
	after, err := page.ParseMark[string](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	key, join, err := f.key()
	if err != nil {
		return Page{}, err
	}
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return Page{}, err
	}
	s, from := f.conditions(scope, c)
	order := page.Order(s, key, after, f.Descending, "l.name", "l.license")
	limit := page.Limit(p.Limit)
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d",
		key.Columns("l.name", "l.license"), from+join, s.Conditions(), order, limit+1), s.Args()...)
	if err != nil {
		return Page{}, fmt.Errorf("licenses: %w", err)
	}
	marks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mark])
	if err != nil {
		return Page{}, fmt.Errorf("licenses: %w", err)
	}
	marks, next, err := page.Cut(of, marks, limit)
	if err != nil {
		return Page{}, err
	}
	ids := make([]string, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	items, err := describe(ctx, db, scope.Tenant, c, ids)
	return Page{Items: items, Next: next}, err
}

// Total counts the licenses that a filter leaves.
func Total(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter) (int, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return 0, err
	}
	s, from := f.conditions(scope, c)
	rows, err := db.Query(ctx, "SELECT count(*)::int FROM "+from+" WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return 0, fmt.Errorf("licenses: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}

// Get answers one license. The error is domain.ErrNotFound for one that is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, id domain.LicenseID) (License, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return License{}, err
	}
	list, err := describe(ctx, db, scope.Tenant, c, []string{string(id)})
	if err != nil {
		return License{}, err
	}
	if len(list) == 0 || scope.Customer != "" && list[0].Customer != scope.Customer {
		return License{}, domain.ErrNotFound
	}
	return list[0], nil
}

// endless sorts licenses without an end behind all others.
const endless = "CASE WHEN l.valid_until = '0001-01-01 00:00:00Z' THEN '9999-12-31 00:00:00Z' ELSE l.valid_until END"

const joinSize = " LEFT JOIN license_size z ON z.tenant = l.tenant AND z.license = l.license"

func (f Filter) key() (k page.Key, join string, err error) {
	switch f.Sort {
	case "", ByName:
		return page.Key{}, "", nil
	case ByCustomer:
		return page.Key{Expression: "c.name", Kind: page.Text}, "", nil
	case ByKind:
		return page.Key{Expression: "l.kind", Kind: page.Text}, "", nil
	case ByValidUntil:
		if len(f.States) > 0 && !slices.Contains(f.States, states.Valid) { // all of them have an end, and an index knows its order
			return page.Key{Expression: "l.valid_until", Kind: page.Time}, "", nil
		}
		return page.Key{Expression: "(" + endless + ")", Kind: page.Time}, "", nil
	case BySeats:
		return page.Key{Expression: "l.seats::bigint", Kind: page.Number}, "", nil
	case ByUsed:
		return page.Key{Expression: "l.used::bigint", Kind: page.Number}, "", nil
	case ByDevices:
		return page.Key{Expression: "coalesce(z.devices, 0)", Kind: page.Number}, joinSize, nil
	case ByInfected:
		return page.Key{Expression: "i.infected", Kind: page.Number}, joinInfected, nil
	}
	return page.Key{}, "", domain.ErrInvalid.At("/sort").With("Licenses can't be ordered by that.")
}

func (f Filter) conditions(scope domain.Scope, c states.Cutoffs) (s *sqltext.Statement, from string) {
	s = &sqltext.Statement{}
	s.And("l.tenant = ?", scope.Tenant)
	for _, customer := range []domain.CustomerID{scope.Customer, f.Customer} {
		if customer != "" {
			s.And("l.customer = ?", customer)
		}
	}
	if len(f.Kinds) > 0 {
		s.And("l.kind = ANY(?)", f.Kinds)
	}
	if len(f.States) > 0 {
		s.And(validity(s, f.States, c))
	}
	sqltext.AnyOf(s, f.Seats, func(v states.Seats) string { return seatsCondition(s, v, c) })
	from = "license l"
	if f.Search != "" || f.Sort == ByCustomer {
		from += " JOIN customer c ON c.tenant = l.tenant AND c.customer = l.customer"
	}
	if f.Search != "" {
		s.And("(l.name ILIKE ? OR c.name ILIKE ?)", sqltext.Contains(f.Search), sqltext.Contains(f.Search))
	}
	return s, from
}

// validity lists states in the order of their ends. The zero time, "no end", comes first there and is as good as valid.
func validity(s *sqltext.Statement, wanted []states.Validity, c states.Cutoffs) string {
	const noEnd = states.Validity("no end")
	if slices.Contains(wanted, states.Valid) {
		wanted = append([]states.Validity{noEnd}, wanted...)
	}
	after := func(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond).Add(time.Microsecond) } // "until t" as "before"
	return sqltext.Ranges(s, "l.valid_until", wanted,
		[]states.Validity{noEnd, states.Expired, states.Expiring, states.Valid},
		[]time.Time{time.Unix(0, 0).UTC(), after(c.Now), after(c.ExpiringUntil)})
}

func seatsCondition(s *sqltext.Statement, v states.Seats, c states.Cutoffs) string {
	nearly := func() string {
		return "l.used::bigint * 100 >= l.seats::bigint * " + s.Arg(c.SeatsPercent) + "::bigint"
	}
	switch v {
	case states.SeatsUnlimited:
		return "l.kind = 'msp'"
	case states.SeatsUsedUp:
		return "(l.kind <> 'msp' AND l.used >= l.seats)"
	case states.SeatsNearly:
		return "(l.kind <> 'msp' AND l.used < l.seats AND " + nearly() + ")"
	case states.SeatsFree:
		return "(l.kind <> 'msp' AND l.used < l.seats AND NOT " + nearly() + ")"
	}
	return "false"
}
