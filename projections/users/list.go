package users

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// Status is where a member stands.
type Status string

// The states of a member. Whether an invitation has expired is a matter of the time.
const (
	Activated   Status = "activated"
	Invited     Status = "invited"
	Expired     Status = "expired" // the invitation
	Deactivated Status = "deactivated"
	Erased      Status = "erased" // in no list unless it is asked for
)

// User is one member as the portal shows him. Times are UTC.
type User struct {
	ID           domain.UserID
	Customer     domain.CustomerID // empty: the reseller as a whole
	CustomerName string
	Salutation   string
	FirstName    string
	Surname      string
	Email        string
	Language     user.Language
	Role         domain.Role
	Status       Status
	InvitedAt    time.Time
	ExpiresAt    time.Time // of the invitation; zero: there was none
	AcceptedAt   time.Time // zero: not yet
}

// Page is one page of users. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []User
	Next  string
}

// Sort is what the list can be ordered by. What is equal is ordered by name.
type Sort string

// The orders there are.
const (
	ByName      Sort = "name" // surname, then first name, as in a German dictionary; the default
	ByEmail     Sort = "email"
	ByCustomer  Sort = "customer"
	ByRole      Sort = "role"
	ByInvitedAt Sort = "invited_at"
)

// Filter narrows the list of users. The zero value shows all but those who were erased.
type Filter struct {
	Customer   domain.CustomerID
	Roles      []domain.Role
	Statuses   []Status
	Search     string // a part of name, e-mail address or customer's name, in any case
	Sort       Sort
	Descending bool
}

const (
	noTime       = "'0001-01-01 00:00:00Z'"
	joinCustomer = " LEFT JOIN customer c ON c.tenant = m.tenant AND c.customer = m.customer"
)

// List answers one page of the users within a reach. The error is page.ErrCursor for a cursor of another list.
func List(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter, p page.Paging) (Page, error) {
	of := page.Of{List: "users", Scope: scope, Filter: f}
	after, err := page.ParseMark[string](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	key, err := f.Sort.key()
	if err != nil {
		return Page{}, err
	}
	s := f.conditions(scope, now)
	order := page.Order(s, key, after, f.Descending, "m.name", "m.user_id")
	limit := page.Limit(p.Limit)
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT %s FROM member m%s WHERE %s ORDER BY %s LIMIT %d",
		key.Columns("m.name", "m.user_id"), joinCustomer, s.Conditions(), order, limit+1), s.Args()...)
	if err != nil {
		return Page{}, fmt.Errorf("users: %w", err)
	}
	marks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[page.Mark[string]])
	if err != nil {
		return Page{}, fmt.Errorf("users: %w", err)
	}
	marks, next, err := page.Cut(of, marks, limit)
	if err != nil {
		return Page{}, err
	}
	ids := make([]string, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	items, err := describe(ctx, db, scope.Tenant, now, ids)
	return Page{Items: items, Next: next}, err
}

// Total counts the users that a filter leaves.
func Total(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter) (int, error) {
	s := f.conditions(scope, now)
	rows, err := db.Query(ctx, "SELECT count(*)::int FROM member m"+joinCustomer+" WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return 0, fmt.Errorf("users: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}

// Get answers one user, also one who was erased. The error is domain.ErrNotFound for one who is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, id domain.UserID) (User, error) {
	list, err := describe(ctx, db, scope.Tenant, now, []string{string(id)})
	if err != nil {
		return User{}, err
	}
	if len(list) == 0 || scope.Customer != "" && list[0].Customer != scope.Customer {
		return User{}, domain.ErrNotFound
	}
	return list[0], nil
}

func (s Sort) key() (page.Key, error) {
	switch s {
	case "", ByName:
		return page.Key{}, nil
	case ByEmail:
		return page.Key{Expression: "m.email", Kind: page.Text}, nil
	case ByCustomer:
		return page.Key{Expression: "coalesce(c.name, '')", Kind: page.Text}, nil
	case ByRole:
		return page.Key{Expression: "m.role", Kind: page.Text}, nil
	case ByInvitedAt:
		return page.Key{Expression: "m.invited_at", Kind: page.Time}, nil
	}
	return page.Key{}, domain.ErrInvalid.At("/sort").With("Users can't be ordered by that.")
}

func (f Filter) conditions(scope domain.Scope, now time.Time) *sqltext.Statement {
	s := &sqltext.Statement{}
	s.And("m.tenant = ?", scope.Tenant)
	for _, c := range []domain.CustomerID{scope.Customer, f.Customer} {
		if c != "" {
			s.And("m.customer = ?", c)
		}
	}
	if len(f.Roles) > 0 {
		s.And("m.role = ANY(?)", f.Roles)
	}
	if len(f.Statuses) == 0 {
		s.And("NOT m.erased")
	}
	sqltext.AnyOf(s, f.Statuses, func(v Status) string { return condition(s, v, now) })
	if f.Search != "" {
		s.And("concat_ws(' ', m.first_name, m.surname, m.first_name, m.email, c.name) ILIKE ?", sqltext.Contains(f.Search))
	}
	return s
}

func condition(s *sqltext.Statement, v Status, now time.Time) string {
	const present = "NOT m.erased AND NOT m.inactive"
	switch v {
	case Erased:
		return "m.erased"
	case Deactivated:
		return "(NOT m.erased AND m.inactive)"
	case Activated:
		return "(" + present + " AND m.accepted_at > " + noTime + ")"
	case Invited:
		return "(" + present + " AND m.accepted_at = " + noTime + " AND m.expires_at > " + s.Arg(now) + ")"
	case Expired:
		return "(" + present + " AND m.accepted_at = " + noTime + " AND m.expires_at <= " + s.Arg(now) + ")"
	}
	return "false"
}

// describe tells all about users, in the order of their ids; those who are not there are left out.
func describe(ctx context.Context, db projections.Querier, t domain.Tenant, now time.Time, ids []string) ([]User, error) {
	rows, err := db.Query(ctx, `SELECT m.user_id, m.customer, coalesce(c.name, ''), m.salutation, m.first_name, m.surname, m.email, m.language,
			m.role, m.invited_at, m.expires_at, m.accepted_at, m.inactive, m.erased
		FROM unnest($2::text[]) WITH ORDINALITY AS w (user_id, i) JOIN member m ON m.tenant = $1 AND m.user_id = w.user_id`+joinCustomer+`
		ORDER BY w.i`, t, ids)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) {
		var u User
		var inactive, erased bool
		err := row.Scan(&u.ID, &u.Customer, &u.CustomerName, &u.Salutation, &u.FirstName, &u.Surname, &u.Email, &u.Language,
			&u.Role, &u.InvitedAt, &u.ExpiresAt, &u.AcceptedAt, &inactive, &erased)
		u.InvitedAt, u.ExpiresAt, u.AcceptedAt = utc(u.InvitedAt), utc(u.ExpiresAt), utc(u.AcceptedAt)
		switch {
		case erased:
			u.Status = Erased
		case inactive:
			u.Status = Deactivated
		case !u.AcceptedAt.IsZero():
			u.Status = Activated
		case now.Before(u.ExpiresAt):
			u.Status = Invited
		default:
			u.Status = Expired
		}
		return u, err
	})
}

// utc also gives a zero time the form that compares equal to time.Time{}.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
