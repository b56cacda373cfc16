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

// Group is one group in the tree of a license.
type Group struct {
	ID           domain.GroupID
	Name         string
	Parent       domain.GroupID // empty: the main group
	Depth        int            // 1 for the main group
	Devices      int            // in the group itself
	DevicesBelow int            // in the group and all groups below it

	License      domain.LicenseID
	LicenseName  string
	Customer     domain.CustomerID
	CustomerName string

	Profile GroupProfile
}

// GroupProfile is what a group uses; without an id it uses none.
type GroupProfile struct {
	ID      domain.ProfileID
	Name    string
	Edition int
	Hidden  bool // it is the reseller's own: a customer's people may only be told that it is there
}

// seen takes from a profile what does not lie within a reach.
func (p GroupProfile) seen(scope domain.Scope, owner domain.CustomerID) GroupProfile {
	if p.ID != "" && scope.Customer != "" && owner != scope.Customer {
		p.Name, p.Hidden = "", true
	}
	return p
}

// GroupPage is one page of groups. Next is the cursor of the page after it, empty if there is none.
type GroupPage struct {
	Items []Group
	Next  string
}

// GroupFilter narrows the trees. The zero value shows all.
type GroupFilter struct {
	Customer domain.CustomerID
	License  domain.LicenseID
}

// Groups answers trees in the order of customers and licenses; in a tree each group comes before those below it, and siblings are
// ordered by name. A page holds whole trees: it ends with the one that reaches the limit. The error is page.ErrCursor for a
// cursor of another list.
func Groups(ctx context.Context, db projections.Querier, scope domain.Scope, f GroupFilter, p page.Paging) (GroupPage, error) {
	of := page.Of{List: "groups", Scope: scope, Filter: f}
	after, err := page.ParseMark[string](of, p.Cursor)
	if err != nil {
		return GroupPage{}, err
	}
	trees, next, err := treesOfPage(ctx, db, scope, f, after, page.Limit(p.Limit))
	if err != nil || len(trees) == 0 {
		return GroupPage{}, err
	}
	var result GroupPage
	if result.Items, err = loadTrees(ctx, db, scope, trees); err == nil && next != nil {
		result.Next, err = next.Cursor(of)
	}
	return result, err
}

// treesOfPage lists the licenses whose trees fill a page, and the mark that the next page follows; nil at the end.
func treesOfPage(ctx context.Context, db projections.Querier, scope domain.Scope, f GroupFilter, after *mark, limit int) (licenses []string, next *mark, err error) {
	s := &sqltext.Statement{}
	s.And("l.tenant = ?", scope.Tenant)
	for _, customer := range []domain.CustomerID{scope.Customer, f.Customer} {
		if customer != "" {
			s.And("l.customer = ?", customer)
		}
	}
	if f.License != "" {
		s.And("l.license = ?", f.License)
	}
	key := page.Key{Expression: "c.name", Kind: page.Text}
	order := page.Order(s, key, after, false, "l.name", "l.license")
	rows, err := db.Query(ctx, fmt.Sprintf(`SELECT %s, z.groups FROM license l JOIN license_size z ON z.tenant = l.tenant AND z.license = l.license
		JOIN customer c ON c.tenant = l.tenant AND c.customer = l.customer WHERE %s ORDER BY %s LIMIT %d`,
		key.Columns("l.name", "l.license"), s.Conditions(), order, limit+1), s.Args()...)
	if err != nil {
		return nil, nil, fmt.Errorf("groups: %w", err)
	}
	var m mark
	var groups int
	var last *mark
	total := 0
	_, err = pgx.ForEachRow(rows, []any{&m.At, &m.Number, &m.Text, &m.Name, &m.ID, &groups}, func() error {
		if total >= limit {
			next = last
			return nil
		}
		total += groups
		licenses = append(licenses, m.ID)
		here := m
		last = &here
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("groups: %w", err)
	}
	return licenses, next, nil
}

// joinProfile adds what the view of profiles knows of the one that a group uses. For a moment it may be behind or ahead.
const joinProfile = "LEFT JOIN profile p ON p.tenant = g.tenant AND p.profile = g.profile"

func loadTrees(ctx context.Context, db projections.Querier, scope domain.Scope, licenses []string) ([]Group, error) {
	rows, err := db.Query(ctx, `SELECT g.group_id, g.name, g.parent, g.devices, l.license, l.name, c.customer, c.name,
			g.profile, coalesce(p.name, ''), coalesce(p.edition, 0), coalesce(p.customer, '')
		FROM unnest($2::text[]) WITH ORDINALITY AS w (license, i)
		JOIN license l ON l.tenant = $1 AND l.license = w.license JOIN customer c ON c.tenant = $1 AND c.customer = l.customer
		JOIN license_group g ON g.tenant = $1 AND g.license = w.license
		`+joinProfile+` ORDER BY w.i, g.name, g.group_id`, scope.Tenant, licenses)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	var roots []*Group
	below := map[domain.GroupID][]*Group{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		g := &Group{}
		var owner domain.CustomerID
		err := row.Scan(&g.ID, &g.Name, &g.Parent, &g.Devices, &g.License, &g.LicenseName, &g.Customer, &g.CustomerName,
			&g.Profile.ID, &g.Profile.Name, &g.Profile.Edition, &owner)
		g.Profile = g.Profile.seen(scope, owner)
		if g.Parent == "" {
			roots = append(roots, g)
		} else {
			below[g.Parent] = append(below[g.Parent], g)
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	var list []Group
	for _, root := range roots {
		list = flatten(list, root, below, 1)
	}
	return list, nil
}

// flatten appends a group and all below it, and adds up their devices.
func flatten(list []Group, g *Group, below map[domain.GroupID][]*Group, depth int) []Group {
	at := len(list)
	g.Depth, g.DevicesBelow = depth, g.Devices
	list = append(list, *g)
	for _, child := range below[g.ID] {
		list = flatten(list, child, below, depth+1)
		list[at].DevicesBelow += child.DevicesBelow
	}
	g.DevicesBelow = list[at].DevicesBelow
	return list
}

// GroupNames answers the names of groups within a reach, for lists that know only ids. Others are left out.
func GroupNames(ctx context.Context, db projections.Querier, scope domain.Scope, ids []domain.GroupID) (map[domain.GroupID]string, error) {
	rows, err := db.Query(ctx, `SELECT g.group_id, g.name FROM license_group g JOIN license l ON l.tenant = g.tenant AND l.license = g.license
		WHERE g.tenant = $1 AND g.group_id = ANY($2) AND ($3 = '' OR l.customer = $3)`, scope.Tenant, ids, scope.Customer)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	names := make(map[domain.GroupID]string, len(ids))
	var id domain.GroupID
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[id] = name
		return nil
	})
	return names, err
}

// Profiles asks, together with other questions, what groups within a reach use, for lists that know only the groups. The answer goes
// into used; groups that use none are left out.
func Profiles(b *pgx.Batch, scope domain.Scope, groups []domain.GroupID, used map[domain.GroupID]GroupProfile) {
	clear(used)
	b.Queue(`SELECT g.group_id, g.profile, coalesce(p.name, ''), coalesce(p.edition, 0), coalesce(p.customer, '')
		FROM license_group g JOIN license l ON l.tenant = g.tenant AND l.license = g.license `+joinProfile+`
		WHERE g.tenant = $1 AND g.group_id = ANY($2) AND ($3 = '' OR l.customer = $3) AND g.profile <> ''`, scope.Tenant, groups, scope.Customer).Query(func(rows pgx.Rows) error {
		var id domain.GroupID
		var p GroupProfile
		var owner domain.CustomerID
		_, err := pgx.ForEachRow(rows, []any{&id, &p.ID, &p.Name, &p.Edition, &owner}, func() error {
			used[id] = p.seen(scope, owner)
			return nil
		})
		return err
	})
}

// GroupsWithoutProfile lists the groups of a tenant that use no profile.
func GroupsWithoutProfile(ctx context.Context, db projections.Querier, t domain.Tenant) ([]domain.GroupID, error) {
	rows, err := db.Query(ctx, `SELECT group_id FROM license_group WHERE tenant = $1 AND profile = '' ORDER BY group_id`, t)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[domain.GroupID])
}
