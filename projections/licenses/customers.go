package licenses

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// Customer is one customer as the portal shows him.
type Customer struct {
	ID       domain.CustomerID
	Name     string
	Number   string // the reseller's number for him; may be empty
	Licenses int
	Devices  int
	Infected int // devices with open threats
}

// CustomerPage is one page of customers. Next is the cursor of the page after it, empty if there is none.
type CustomerPage struct {
	Items []Customer
	Next  string
}

// CustomerSort is what the list of customers can be ordered by. What is equal is ordered by name.
type CustomerSort string

// The orders there are.
const (
	CustomersByName     CustomerSort = "name" // as in a German dictionary; the default
	CustomersByNumber   CustomerSort = "number"
	CustomersByLicenses CustomerSort = "licenses"
	CustomersByDevices  CustomerSort = "devices"
	CustomersByInfected CustomerSort = "infected_devices"
)

// CustomerFilter narrows the list of customers. The zero value shows all.
type CustomerFilter struct {
	Search     string // a part of name or number, in any case
	Sort       CustomerSort
	Descending bool
}

// joinSums counts what each customer has. Of the infected devices only the view of devices knows.
const joinSums = ` CROSS JOIN LATERAL (SELECT count(*) AS licenses, coalesce(sum(z.devices), 0)::bigint AS devices, coalesce(sum(i.infected), 0)::bigint AS infected
	FROM license l LEFT JOIN license_size z ON z.tenant = l.tenant AND z.license = l.license` + joinInfected + `
	WHERE l.tenant = c.tenant AND l.customer = c.customer) AS s`

// Customers answers one page of the customers within a reach. The error is page.ErrCursor for a cursor of another list.
func Customers(ctx context.Context, db projections.Querier, scope domain.Scope, f CustomerFilter, p page.Paging) (CustomerPage, error) {
	of := page.Of{List: "customers", Scope: scope, Filter: f}
	after, err := page.ParseMark[string](of, p.Cursor)
	if err != nil {
		return CustomerPage{}, err
	}
	key, join, err := f.Sort.key()
	if err != nil {
		return CustomerPage{}, err
	}
	s := f.conditions(scope)
	order := page.Order(s, key, after, f.Descending, "c.name", "c.customer")
	limit := page.Limit(p.Limit)
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT %s FROM customer c%s WHERE %s ORDER BY %s LIMIT %d",
		key.Columns("c.name", "c.customer"), join, s.Conditions(), order, limit+1), s.Args()...)
	if err != nil {
		return CustomerPage{}, fmt.Errorf("customers: %w", err)
	}
	marks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mark])
	if err != nil {
		return CustomerPage{}, fmt.Errorf("customers: %w", err)
	}
	marks, next, err := page.Cut(of, marks, limit)
	if err != nil {
		return CustomerPage{}, err
	}
	ids := make([]string, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	items, err := describeCustomers(ctx, db, scope.Tenant, ids)
	return CustomerPage{Items: items, Next: next}, err
}

// TotalCustomers counts the customers that a filter leaves.
func TotalCustomers(ctx context.Context, db projections.Querier, scope domain.Scope, f CustomerFilter) (int, error) {
	s := f.conditions(scope)
	rows, err := db.Query(ctx, "SELECT count(*)::int FROM customer c WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return 0, fmt.Errorf("customers: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}

// GetCustomer answers one customer. The error is domain.ErrNotFound for one that is not there or not within reach.
func GetCustomer(ctx context.Context, db projections.Querier, scope domain.Scope, id domain.CustomerID) (Customer, error) {
	if scope.Customer != "" && id != scope.Customer {
		return Customer{}, domain.ErrNotFound
	}
	list, err := describeCustomers(ctx, db, scope.Tenant, []string{string(id)})
	if err == nil && len(list) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Customer{}, err
	}
	return list[0], nil
}

func describeCustomers(ctx context.Context, db projections.Querier, t domain.Tenant, ids []string) ([]Customer, error) {
	rows, err := db.Query(ctx, `SELECT c.customer, c.name, c.number, s.licenses::int, s.devices::int, s.infected::int
		FROM unnest($2::text[]) WITH ORDINALITY AS w (customer, i) JOIN customer c ON c.tenant = $1 AND c.customer = w.customer`+joinSums+` ORDER BY w.i`, t, ids)
	if err != nil {
		return nil, fmt.Errorf("customers: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Customer])
}

func (f CustomerFilter) conditions(scope domain.Scope) *sqltext.Statement {
	s := &sqltext.Statement{}
	s.And("c.tenant = ?", scope.Tenant)
	if scope.Customer != "" {
		s.And("c.customer = ?", scope.Customer)
	}
	if f.Search != "" {
		s.And("(c.name ILIKE ? OR c.number ILIKE ?)", sqltext.Contains(f.Search), sqltext.Contains(f.Search))
	}
	return s
}

func (s CustomerSort) key() (k page.Key, join string, err error) {
	switch s {
	case "", CustomersByName:
		return page.Key{}, "", nil
	case CustomersByNumber:
		return page.Key{Expression: "c.number", Kind: page.Text}, "", nil
	case CustomersByLicenses:
		return page.Key{Expression: "s.licenses", Kind: page.Number}, joinSums, nil
	case CustomersByDevices:
		return page.Key{Expression: "s.devices", Kind: page.Number}, joinSums, nil
	case CustomersByInfected:
		return page.Key{Expression: "s.infected", Kind: page.Number}, joinSums, nil
	}
	return page.Key{}, "", domain.ErrInvalid.At("/sort").With("Customers can't be ordered by that.")
}
