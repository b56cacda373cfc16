package live_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/live"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/rowkey"
)

func noon() time.Time { return time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC) }

func newTenant() domain.Tenant {
	return domain.Tenant(strings.ReplaceAll(uuid.NewString(), "-", ""))
}

func migrated(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	db := postgrestest.Pool(tb)
	if err := live.Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	return db
}

func seen(tb testing.TB, db *pgxpool.Pool) *live.Seen {
	tb.Helper()
	s := live.NewSeen(db, slog.New(slog.NewTextHandler(io.Discard, nil)))
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

type row struct {
	Device rowkey.Key
	At     time.Time
	IP     string
}

func rows(tb testing.TB, db *pgxpool.Pool, t domain.Tenant) []row {
	tb.Helper()
	r, err := db.Query(tb.Context(), `SELECT device, at AT TIME ZONE 'UTC', ip FROM live.last_seen WHERE tenant = $1 ORDER BY device`, t)
	if err != nil {
		tb.Fatal(err)
	}
	list, err := pgx.CollectRows(r, pgx.RowToStructByPos[row])
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func flush(tb testing.TB, s *live.Seen) {
	tb.Helper()
	if err := s.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func heard(tb testing.TB, db *pgxpool.Pool, t domain.Tenant, now time.Time, since ...time.Time) []int {
	tb.Helper()
	readers, err := projections.OpenReaders(tb.Context(), db.Config().ConnString())
	if err != nil {
		tb.Fatal(err)
	}
	defer readers.Close()
	n, err := live.HeardSince(tb.Context(), readers, t, now, since...)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestMigratingTwiceAndAtOnceChangesNothing(t *testing.T) {
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	s.Touch(tenant, "d1", noon(), "")
	flush(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := live.Migrate(context.Background(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := rows(t, db, tenant); len(got) != 1 {
		t.Errorf("after migrating again: %v", got)
	}
}

func TestTheLatestTouchCountsWhateverTheOrder(t *testing.T) {
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	s.Touch(tenant, "d1", noon(), "192.0.2.1")
	s.Touch(tenant, "d1", noon().Add(-time.Minute), "192.0.2.2")
	flush(t, s)
	s.Touch(tenant, "d1", noon().Add(-time.Hour), "192.0.2.3")
	flush(t, s)
	want := []row{{"d1", noon(), "192.0.2.1"}}
	if got := rows(t, db, tenant); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := heard(t, db, tenant, noon(), noon(), noon().Add(-49*time.Hour)); !slices.Equal(n, []int{1, 1}) {
		t.Errorf("counted %v, want one device", n)
	}
}

func TestCountsAtTheBoundaries(t *testing.T) {
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	s.Touch(tenant, "now", noon(), "")
	s.Touch(tenant, "at", noon().Add(-60*time.Minute), "")
	s.Touch(tenant, "before", noon().Add(-61*time.Minute), "")
	s.Touch(tenant, "days", noon().Add(-14*24*time.Hour), "")
	s.Touch(tenant, "longer", noon().Add(-14*24*time.Hour-time.Hour), "")
	s.Touch(newTenant(), "foreign", noon(), "")
	flush(t, s)
	got := heard(t, db, tenant, noon(), noon().Add(-60*time.Minute), noon().Add(-14*24*time.Hour), noon().Add(-30*24*time.Hour))
	if want := []int{2, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("heard of %v devices, want %v", got, want)
	}
	if got := heard(t, db, newTenant(), noon(), noon().Add(-time.Hour)); !slices.Equal(got, []int{0}) {
		t.Errorf("an empty tenant counts %v", got)
	}
}

func TestAForgottenDeviceNoLongerCounts(t *testing.T) {
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	s.Touch(tenant, "d1", noon(), "")
	s.Touch(tenant, "d2", noon(), "")
	flush(t, s)
	s.Touch(tenant, "d1", noon().Add(time.Minute), "")
	s.Forget(tenant, "d1")
	s.Forget(tenant, "unknown")
	flush(t, s)
	if got := rows(t, db, tenant); len(got) != 1 || got[0].Device != "d2" {
		t.Errorf("left: %v", got)
	}
	if n := heard(t, db, tenant, noon(), noon().Add(-time.Hour)); n[0] != 1 {
		t.Errorf("counted %d, want 1", n[0])
	}
}

// Whatever is touched, forgotten and flushed by however many portals, the buckets are the sums of the rows.
func TestBucketsAreAlwaysTheSumOfTheRows(t *testing.T) {
	db := migrated(t)
	portals := []*live.Seen{seen(t, db), seen(t, db)}
	tenant := newTenant()
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 20).Draw(r, "steps") {
			p := portals[rapid.IntRange(0, 1).Draw(r, "portal")]
			d := domain.DeviceID(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(r, "device"))
			switch rapid.IntRange(0, 4).Draw(r, "what") {
			case 0:
				p.Forget(tenant, d)
			case 1:
				flush(t, p)
			default:
				p.Touch(tenant, d, noon().Add(time.Duration(rapid.IntRange(-200, 0).Draw(r, "minutes"))*time.Minute), "")
			}
		}
		flush(t, portals[0])
		flush(t, portals[1])
		var differing int
		err := db.QueryRow(t.Context(), `
			WITH want AS (SELECT tenant, m, floor(extract(epoch FROM at)/60/m)::int AS b, count(*) AS n
				FROM live.last_seen CROSS JOIN (VALUES (1), (60)) AS w (m) GROUP BY 1, 2, 3)
			SELECT count(*) FROM want FULL JOIN live.seen_count c ON (c.tenant, c.minutes, c.bucket) = (want.tenant, m, b)
			WHERE n IS DISTINCT FROM devices`).Scan(&differing)
		if err != nil || differing != 0 {
			r.Fatalf("%d buckets differ from the rows, %v", differing, err)
		}
	})
}

func TestTouchesWaitWhilePostgresRefuses(t *testing.T) {
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	rename := func(from, to string) {
		if _, err := db.Exec(t.Context(), "ALTER SCHEMA "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("live", "away")
	s.Touch(tenant, "d1", noon(), "")
	s.Touch(tenant, "d2", noon(), "")
	if err := s.Flush(t.Context()); err == nil {
		t.Fatal("a flush without tables succeeded")
	}
	s.Touch(tenant, "d1", noon().Add(-time.Minute), "") // older than what waits
	s.Forget(tenant, "d2")
	rename("away", "live")
	flush(t, s)
	if got := rows(t, db, tenant); len(got) != 1 || got[0].Device != "d1" || !got[0].At.Equal(noon()) {
		t.Errorf("after Postgres came back: %v", got)
	}
}

func TestCloseWritesWhatWaitsAndLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), postgrestest.IgnoreServer(), goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"))
	db := migrated(t)
	s, tenant := seen(t, db), newTenant()
	for range live.FlushAt + 1 { // the writer is woken as well
		s.Touch(tenant, domain.DeviceID(uuid.NewString()), noon(), "")
	}
	for range 2 { // closing twice is harmless
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := heard(t, db, tenant, noon(), noon()); n[0] != live.FlushAt+1 {
		t.Errorf("%d devices written, want %d", n[0], live.FlushAt+1)
	}
}
