package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/rowkey"
	"avportal/projections/sqltext"
	"avportal/projections/states"
)

// List answers one page of the devices within a reach. States are those of the moment now. The error is page.ErrCursor
// for a cursor of another list; a filter that names what is not within reach finds nothing.
func List(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter, p page.Paging) (Page, error) {
	if f.Sort == "" {
		f.Sort = ByHostname
	}
	of := page.Of{List: "devices", Scope: scope, Filter: f}
	after, err := page.ParseMark[rowkey.Key](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	cutoffs, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return Page{}, err
	}
	l := listing{db: db, tenant: scope.Tenant, filter: f, cutoffs: cutoffs, after: after, limit: page.Limit(p.Limit) + 1}
	if l.limited = f.limitsPlaces() || scope.Customer != ""; l.limited {
		if l.places, err = findPlaces(ctx, db, scope, f, cutoffs); err != nil || len(l.places) == 0 {
			return Page{}, err
		}
	}
	if l.platforms, err = findPlatforms(ctx, db, scope.Tenant, f); err != nil {
		return Page{}, err
	}
	marks, err := l.find(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("devices: %w", err)
	}
	marks, next, err := page.Cut(of, marks, page.Limit(p.Limit))
	if err != nil {
		return Page{}, err
	}
	items, err := describe(ctx, db, scope.Tenant, cutoffs, marks)
	return Page{Items: items, Next: next}, err
}

// mark is a device's place in the order of the list.
type mark = page.Mark[rowkey.Key]

// listing is one page being looked for: first which devices stand on it, by narrow indexes, then all about those.
type listing struct {
	db      projections.Querier
	tenant  domain.Tenant
	filter  Filter
	cutoffs states.Cutoffs
	limited bool // to places
	places  []rowkey.Address
	platforms
	join  string // of what is sorted by
	after *mark  // nil: the first page
	limit int    // one more than the page has, to see whether there is another page
}

// fewPlaces is up to how many places are read one by one and merged, each in its order. Beyond, the order of the whole
// tenant is followed, or all the devices are sorted, whatever Postgres finds cheaper.
const fewPlaces = 64

func (l *listing) find(ctx context.Context) ([]mark, error) {
	switch sort := l.filter.Sort; {
	case sort == ByHostname && l.limited && len(l.places) <= fewPlaces:
		return l.mergePlaces(ctx)
	case sort == ByHostname:
		return l.sorted(ctx, page.Key{})
	case sort == ByLastSeen:
		return l.bySeen(ctx)
	case sort == BySignature && !l.limited && !l.filter.narrows():
		return l.bySignature(ctx)
	case sort == ByThreats:
		return l.byThreats(ctx)
	default:
		k, join, ok := sort.key()
		if !ok {
			return nil, domain.ErrInvalid.At("/sort").With("Devices can't be ordered by that.")
		}
		l.join = join
		return l.sorted(ctx, k)
	}
}

const joinPlace = " JOIN place p ON p.tenant = d.tenant AND p.place = d.place"
const joinLicense = joinPlace + " JOIN device_license l ON l.tenant = d.tenant AND l.license = p.license"

// key is what the order sorts by, and what has to be joined for it.
func (s Sort) key() (k page.Key, join string, ok bool) {
	switch s {
	case ByLabel:
		return page.Key{Expression: "d.label", Kind: page.Text}, "", true
	case ByIP:
		return page.Key{Expression: "d.ip", Kind: page.Text}, "", true
	case ByCustomer:
		return page.Key{Expression: "c.name", Kind: page.Text}, joinLicense + " JOIN device_customer c ON c.tenant = d.tenant AND c.customer = l.customer", true
	case ByLicense:
		return page.Key{Expression: "l.name", Kind: page.Text}, joinLicense, true
	case ByGroup:
		return page.Key{Expression: "p.name", Kind: page.Text}, joinPlace, true
	case ByOS:
		return page.Key{Expression: "(f.os || ' ' || f.os_version)", Kind: page.Text}, joinPlatform, true
	case ByClientVersion:
		return page.Key{Expression: "f.client_version", Kind: page.Text}, joinPlatform, true
	case BySignature:
		return page.Key{Expression: "d.signature_date", Kind: page.Time}, "", true
	case ByLastScan:
		return page.Key{Expression: "d.last_scan_at::bigint", Kind: page.Number}, "", true
	case ByEnrolledAt:
		return page.Key{Expression: "d.enrolled_at::bigint", Kind: page.Number}, "", true
	case ByPending:
		return page.Key{Expression: "d.pending::bigint", Kind: page.Number}, "", true
	case ByProtection:
		return page.Key{Expression: protectionRank, Kind: page.Number}, "", true
	}
	return page.Key{}, "", false
}

// base begins a statement with what every row must fulfill.
func (l *listing) base() (s *sqltext.Statement, from string) {
	s = &sqltext.Statement{}
	l.ofTenant(s)
	if l.limited && len(l.places) > 0 {
		s.And("d.place = ANY(?) AND (d.place >> 32)::int = ANY(?)", l.places, halvesOf(l.places))
	}
	return s, "device d" + l.join + l.filter.conditions(s, l.cutoffs, l.platforms)
}

// ofTenant names the realm as well, by which the index of names goes. The tenant is $1.
func (l *listing) ofTenant(s *sqltext.Statement) {
	s.And("d.tenant = ?", l.tenant)
	s.And("d.realm = ?", realmOf(l.tenant))
}

// sorted orders by a key, then by host name; without one, by host name only.
func (l *listing) sorted(ctx context.Context, k page.Key) ([]mark, error) {
	s, from := l.base()
	order := l.order(s, k)
	return l.run(ctx, s, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d", columns(k), from, s.Conditions(), order, l.limit))
}

func (l *listing) order(s *sqltext.Statement, k page.Key) string {
	return page.Order(s, k, l.after, l.filter.Descending, "d.hostname", "d.device")
}

func columns(k page.Key) string { return k.Columns("d.hostname", "d.device") }

// mergePlaces takes a page from each place and the best of all of them.
func (l *listing) mergePlaces(ctx context.Context) ([]mark, error) {
	places := l.places
	l.places = nil
	s, from := l.base()
	s.And("d.place = p.place AND (d.place >> 32)::int = (p.place >> 32)::int")
	order := l.order(s, page.Key{})
	p := s.Arg(places)
	return l.run(ctx, s, fmt.Sprintf(`SELECT at, number, text, hostname, device FROM unnest(%s::bigint[]) AS p (place) CROSS JOIN LATERAL (
		SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d) AS d ORDER BY %s LIMIT %d`,
		p, columns(page.Key{}), from, s.Conditions(), order, l.limit, order, l.limit))
}

func (l *listing) direction() string {
	if l.filter.Descending {
		return "DESC"
	}
	return "ASC"
}

func (l *listing) beyond() string {
	if l.filter.Descending {
		return "<"
	}
	return ">"
}

func (l *listing) run(ctx context.Context, s *sqltext.Statement, sql string) ([]mark, error) {
	args := s.Args()
	if l.filter.narrows() || l.limited {
		// Plan for these very values: what is right for few outdated devices is wrong for many.
		args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
	}
	rows, err := l.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[mark])
}
