package profiles

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// Profile is one profile as the portal lists it. Times are UTC.
type Profile struct {
	ID        domain.ProfileID
	Name      string
	Owner     domain.CustomerID // empty: the reseller
	OwnerName string
	Edition   int
	Groups    int // that use it
	Devices   int // in these groups
	CreatedAt time.Time
	ChangedAt time.Time
}

// Page is one page of profiles. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []Profile
	Next  string
}

// Filter narrows the list of profiles. The zero value shows all.
type Filter struct {
	Owner      *domain.CustomerID // of this customer; empty: of the reseller
	Search     string             // a part of the name or the owner's name, in any case
	Sort       Sort               // empty means ByName
	Descending bool
}

// Sort is what the list can be ordered by. What is equal is ordered by name.
type Sort string

// The orders there are.
const (
	ByName    Sort = "name" // as in a German dictionary; the default
	ByOwner   Sort = "owner"
	ByGroups  Sort = "groups"
	ByDevices Sort = "devices"
	ByChanged Sort = "changed_at"
)

// What other views know of a profile: its owner's name, and who uses it.
const (
	joinOwner = ` LEFT JOIN customer c ON c.tenant = p.tenant AND c.customer = p.customer`
	joinUse   = ` CROSS JOIN LATERAL (SELECT count(*) AS groups, coalesce(sum(g.devices), 0)::bigint AS devices
	FROM license_group g WHERE g.tenant = p.tenant AND g.profile = p.profile AND g.profile <> '') AS u`
)

// List answers one page of the profiles within a reach: who is limited to a customer sees those that the customer owns. The
// error is page.ErrCursor for a cursor of another list.
func List(ctx context.Context, db projections.Querier, scope domain.Scope, f Filter, p page.Paging) (Page, error) {
	of := page.Of{List: "profiles", Scope: scope, Filter: f}
	after, err := page.ParseMark[string](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	key, join, err := f.Sort.key()
	if err != nil {
		return Page{}, err
	}
	s := f.conditions(scope)
	order := page.Order(s, key, after, f.Descending, "p.name", "p.profile")
	limit := page.Limit(p.Limit)
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT %s FROM profile p%s WHERE %s ORDER BY %s LIMIT %d",
		key.Columns("p.name", "p.profile"), joinOwner+join, s.Conditions(), order, limit+1), s.Args()...)
	if err != nil {
		return Page{}, fmt.Errorf("profiles: %w", err)
	}
	marks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[page.Mark[string]])
	if err != nil {
		return Page{}, fmt.Errorf("profiles: %w", err)
	}
	marks, next, err := page.Cut(of, marks, limit)
	if err != nil {
		return Page{}, err
	}
	ids := make([]string, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	items, err := describe(ctx, db, scope.Tenant, ids)
	return Page{Items: items, Next: next}, err
}

// Total counts the profiles that a filter leaves.
func Total(ctx context.Context, db projections.Querier, scope domain.Scope, f Filter) (int, error) {
	s := f.conditions(scope)
	rows, err := db.Query(ctx, "SELECT count(*)::int FROM profile p"+joinOwner+" WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return 0, fmt.Errorf("profiles: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}

// Get answers one profile. The error is domain.ErrNotFound for one that is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, id domain.ProfileID) (Profile, error) {
	list, err := describe(ctx, db, scope.Tenant, []string{string(id)})
	if err == nil && (len(list) == 0 || scope.Customer != "" && list[0].Owner != scope.Customer) {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Profile{}, err
	}
	return list[0], nil
}

func describe(ctx context.Context, db projections.Querier, t domain.Tenant, ids []string) ([]Profile, error) {
	rows, err := db.Query(ctx, `SELECT p.profile, p.name, p.customer, coalesce(c.name, ''), p.edition, u.groups::int, u.devices::int, p.created_at, p.changed_at
		FROM unnest($2::text[]) WITH ORDINALITY AS w (profile, i) JOIN profile p ON p.tenant = $1 AND p.profile = w.profile`+joinOwner+joinUse+` ORDER BY w.i`, t, ids)
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Profile, error) {
		var p Profile
		err := row.Scan(&p.ID, &p.Name, &p.Owner, &p.OwnerName, &p.Edition, &p.Groups, &p.Devices, &p.CreatedAt, &p.ChangedAt)
		p.CreatedAt, p.ChangedAt = p.CreatedAt.UTC(), p.ChangedAt.UTC()
		return p, err
	})
}

func (f Filter) conditions(scope domain.Scope) *sqltext.Statement {
	s := &sqltext.Statement{}
	s.And("p.tenant = ?", scope.Tenant)
	if scope.Customer != "" {
		s.And("p.customer = ?", scope.Customer)
	}
	if f.Owner != nil {
		s.And("p.customer = ?", *f.Owner)
	}
	if f.Search != "" {
		s.And("(p.name ILIKE ? OR c.name ILIKE ?)", sqltext.Contains(f.Search), sqltext.Contains(f.Search))
	}
	return s
}

func (s Sort) key() (k page.Key, join string, err error) {
	switch s {
	case "", ByName:
		return page.Key{}, "", nil
	case ByOwner:
		return page.Key{Expression: "coalesce(c.name, '')", Kind: page.Text}, "", nil
	case ByGroups:
		return page.Key{Expression: "u.groups", Kind: page.Number}, joinUse, nil
	case ByDevices:
		return page.Key{Expression: "u.devices", Kind: page.Number}, joinUse, nil
	case ByChanged:
		return page.Key{Expression: "p.changed_at", Kind: page.Time}, "", nil
	}
	return page.Key{}, "", domain.ErrInvalid.At("/sort").With("Profiles can't be ordered by that.")
}
