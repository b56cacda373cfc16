package notices

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/notice"
	"avportal/projections"
	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// Shown is how far back notices are shown and counted. The action log has them all.
const Shown = 90 * 24 * time.Hour

// MaxCounted bounds how many unread notices are counted, so that counting costs no more for who never reads.
const MaxCounted = 1000

// Notice is one notice as the portal shows it. Times are UTC.
type Notice struct {
	ID       notice.ID
	Kind     domain.Notice
	At       time.Time
	Happened time.Time
	Subject  notice.Subject
	Facts    notice.Facts
	Read     bool // by the reader who asks
}

// Page is one page of notices. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []Notice
	Next  string
}

// Filter narrows the list of notices. The zero value shows all.
type Filter struct {
	Kinds      []domain.Notice
	Severities []domain.Severity
	Unread     bool
	Since      time.Time // raised then or later
}

// Reader is who asks: what he sees, and which notices he has read. A token has no user, and so has read none.
type Reader struct {
	Scope domain.Scope
	User  domain.UserID
}

const columns = "n.notice, n.kind, n.at, n.happened, n.customer, n.license, n.group_id, n.device, n.user_id, n.facts"

// List answers one page of the notices within a reader's reach, newest first. The error is page.ErrCursor for a cursor of another list.
func List(ctx context.Context, db projections.Querier, who Reader, now time.Time, f Filter, p page.Paging) (Page, error) {
	of := page.Of{List: "notices", Scope: who.Scope, Filter: []any{f, who.User}}
	after, err := page.ParseMark[notice.ID](of, p.Cursor)
	if err != nil {
		return Page{}, err
	}
	s, unread := within(who, now)
	if kinds := f.kinds(); kinds != nil {
		s.And("n.kind = ANY(?)", kinds)
	}
	if f.Unread {
		s.And(unread)
	}
	if !f.Since.IsZero() {
		s.And("n.at >= ?", f.Since)
	}
	if after != nil {
		s.And("(n.at, n.notice) < (?, ?)", after.At, after.ID)
	}
	limit := page.Limit(p.Limit)
	list, err := query(ctx, db, s, unread, fmt.Sprintf(" ORDER BY n.at DESC, n.notice DESC LIMIT %d", limit+1))
	if err != nil || len(list) <= limit {
		return Page{Items: list}, err
	}
	last := list[limit-1]
	next, err := page.Mark[notice.ID]{At: last.At, ID: last.ID}.Cursor(of)
	return Page{Items: list[:limit], Next: next}, err
}

// Get answers one notice. The error is domain.ErrNotFound for one that is not there, not within reach or no longer shown.
func Get(ctx context.Context, db projections.Querier, who Reader, now time.Time, id notice.ID) (Notice, error) {
	s, unread := within(who, now)
	s.And("n.notice = ?", id)
	list, err := query(ctx, db, s, unread, "")
	if err == nil && len(list) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Notice{}, err
	}
	return list[0], nil
}

// Unread counts a reader's unread notices by kind, at most MaxCounted of the newest.
func Unread(ctx context.Context, db projections.Querier, who Reader, now time.Time) (map[domain.Notice]int, error) {
	s, unread := within(who, now)
	s.And(unread)
	rows, err := db.Query(ctx, fmt.Sprintf(`SELECT kind, count(*)::int FROM (
		SELECT n.kind FROM notice n WHERE %s ORDER BY n.at DESC, n.notice DESC LIMIT %d) u GROUP BY kind`, s.Conditions(), MaxCounted), s.Args()...)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	counts := map[domain.Notice]int{}
	var kind domain.Notice
	var n int
	_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
		counts[kind] = n
		return nil
	})
	return counts, err
}

// kinds are those that a filter leaves; nil for all, empty for none.
func (f Filter) kinds() []domain.Notice {
	if len(f.Kinds)+len(f.Severities) == 0 {
		return nil
	}
	kinds := []domain.Notice{}
	for _, k := range domain.Notices() {
		if (len(f.Kinds) == 0 || slices.Contains(f.Kinds, k)) && (len(f.Severities) == 0 || slices.Contains(f.Severities, k.Severity())) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// within limits notices to what the reader sees, and gives the condition that he has not read one.
func within(who Reader, now time.Time) (s *sqltext.Statement, unread string) {
	s = &sqltext.Statement{}
	s.And("n.tenant = ?", who.Scope.Tenant)
	s.And("n.at > ?", now.Add(-Shown))
	if who.Scope.Customer != "" {
		s.And("n.customer = ?", who.Scope.Customer)
	}
	if who.User == "" {
		return s, "true"
	}
	user := s.Arg(who.User)
	return s, `(n.at > coalesce((SELECT r.read_until FROM notice_reader r WHERE r.tenant = $1 AND r.user_id = ` + user + `), '-infinity')
		AND NOT EXISTS (SELECT FROM notice_read r WHERE r.tenant = n.tenant AND r.user_id = ` + user + ` AND r.notice = n.notice))`
}

func query(ctx context.Context, db projections.Querier, s *sqltext.Statement, unread, rest string) ([]Notice, error) {
	rows, err := db.Query(ctx, "SELECT "+columns+", NOT "+unread+" FROM notice n WHERE "+s.Conditions()+rest, s.Args()...)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.ID, &n.Kind, &n.At, &n.Happened, &n.Subject.Customer, &n.Subject.License, &n.Subject.Group, &n.Subject.Device, &n.Subject.User,
			&n.Facts, &n.Read)
		n.At, n.Happened = n.At.UTC(), n.Happened.UTC()
		return n, err
	})
}
