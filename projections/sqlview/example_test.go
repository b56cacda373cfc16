package sqlview_test

import (
	"context"
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/eventstore"

	"avportal/projections/export"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
	"avportal/projections/sqlview"
)

func TestMain(m *testing.M) {
	// Each check builds five views; -rapid.checks on the command line asks for more.
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, postgrestest.IgnoreServer())
}

const (
	tenant  = domain.Tenant("00112233445566778899aabbccddeeff")
	example = "../../docs/your-own-view/protection"
)

// history is told event by event, each at its time.
type history []eventstore.Recorded

func (h *history) at(moment string, s domain.Stream, e domain.Event) {
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		panic(err)
	}
	r := projectiontest.On(s, e)
	r.At = at
	*h = append(*h, r)
}

func (h *history) device(moment string, id domain.DeviceID, e domain.Event) {
	h.at(moment, device.Stream(tenant, id), e)
}

// protection is the history of three devices of two customers in a spring.
func protection() (h history) {
	for _, c := range []domain.CustomerID{"anton", "berta"} {
		h.at("2026-02-01T08:00:00Z", customer.Stream(tenant, c), customer.Imported{Tenant: tenant, Customer: c, Name: "Praxis " + string(c)})
	}
	enroll := func(moment string, id domain.DeviceID, c domain.CustomerID) {
		h.device(moment, id, device.Enrolled{Tenant: tenant, Customer: c, License: "l", Group: "l.main", Device: id})
	}
	enroll("2026-02-10T08:00:00Z", "d1", "anton")
	enroll("2026-02-10T08:00:00Z", "d2", "anton")
	enroll("2026-03-05T08:00:00Z", "d3", "berta")
	// d1 is infected from the 27th of February for four days, of which two are in March; the second threat prolongs nothing.
	h.device("2026-02-27T00:00:00Z", "d1", device.ThreatFound{Device: "d1", Threat: "t1", Open: 1})
	h.device("2026-02-28T00:00:00Z", "d1", device.ThreatFound{Device: "d1", Threat: "t2", Open: 2})
	h.device("2026-03-01T00:00:00Z", "d1", device.ThreatResolved{Device: "d1", Threat: "t1", Open: 1})
	h.device("2026-03-03T00:00:00Z", "d1", device.ThreatResolved{Device: "d1", Threat: "t2", Open: 0})
	// Updates: one in time, one late, one never.
	h.device("2026-03-10T08:00:00Z", "d1", device.UpdateRequested{Device: "d1", Request: "u1"})
	h.device("2026-03-10T09:00:00Z", "d1", device.RequestCompleted{Device: "d1", Request: "u1", Kind: device.Update, OK: true})
	h.device("2026-03-11T08:00:00Z", "d2", device.UpdateRequested{Device: "d2", Request: "u2"})
	h.device("2026-03-11T09:00:00Z", "d2", device.RequestCompleted{Device: "d2", Request: "u2", Kind: device.Update, OK: false})
	h.device("2026-03-11T10:00:00Z", "d2", device.UpdateRequested{Device: "d2", Request: "u3"})
	h.device("2026-03-13T10:00:00Z", "d2", device.RequestCompleted{Device: "d2", Request: "u3", Kind: device.Update, OK: true})
	// d2 goes to berta in April; d3 is removed while it is infected.
	h.device("2026-04-10T00:00:00Z", "d2", device.Moved{Device: "d2", FromCustomer: "anton", ToCustomer: "berta"})
	h.device("2026-04-12T00:00:00Z", "d2", device.Moved{Device: "d2", FromCustomer: "berta", ToCustomer: "berta"})
	h.device("2026-04-14T00:00:00Z", "d3", device.ThreatFound{Device: "d3", Threat: "t3", Open: 1})
	h.device("2026-04-20T00:00:00Z", "d3", device.Removed{Device: "d3", Customer: "berta"})
	h.at("2026-04-21T08:00:00Z", customer.Stream(tenant, "berta"), customer.Renamed{Customer: "berta", From: "Praxis berta", To: "Klinik Berta"})
	return h
}

func load(t testing.TB, dir string) *sqlview.View {
	t.Helper()
	d, err := sqlview.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sqlview.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rows collects what an export writes.
type rows struct {
	columns []export.Column
	lines   []string
}

func (r *rows) Begin(_ string, columns []export.Column) error { r.columns = columns; return nil }
func (r *rows) End() error                                    { return nil }
func (r *rows) Row(cells []any) error {
	line := ""
	for _, c := range cells {
		line += " | " + export.FormatCell(c)
	}
	r.lines = append(r.lines, line[3:])
	return nil
}

// The documented example answers its question, in whatever way the events arrive: live, again, in parts, rebuilt.
func TestTheExampleAnswersItsQuestion(t *testing.T) {
	v := load(t, example)
	g := projectiontest.Run(t, v.View, protection()...)
	got := byCustomerAndMonth(t, v, g.DB(), "2026-02-01", "2026-05-01")
	want := []string{
		"Klinik Berta | 2026-03 | 1 | 0 | 0",
		"Klinik Berta | 2026-04 | 2 | 3 | 0",
		"Praxis anton | 2026-02 | 2 | 1 | 0",
		"Praxis anton | 2026-03 | 2 | 1 | 2",
		"Praxis anton | 2026-04 | 2 | 0 | 0",
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %q", len(got), len(want), got)
	}
	for i, line := range want {
		if got[i] != string(tenant)+" | "+line {
			t.Errorf("row %d is %q, want %q", i, got[i], line)
		}
	}
}

// Who asks until a day to come gets no months to come, nor days of infection or delay that have not passed.
func TestTheExampleDoesNotCountWhatIsToCome(t *testing.T) {
	now := time.Now().UTC()
	began := now.AddDate(0, 0, -3) // maybe in the month before
	var h history
	tell := func(at time.Time, s domain.Stream, e domain.Event) { h.at(at.Format(time.RFC3339), s, e) }
	d := device.Stream(tenant, "d")
	tell(began, customer.Stream(tenant, "anton"), customer.Imported{Tenant: tenant, Customer: "anton", Name: "Praxis anton"})
	tell(began, d, device.Enrolled{Tenant: tenant, Customer: "anton", License: "l", Group: "l.main", Device: "d"})
	tell(began, d, device.ThreatFound{Device: "d", Threat: "t", Open: 1})
	tell(now.Add(-time.Hour), d, device.UpdateRequested{Device: "d", Request: "u"})

	v := load(t, example)
	g := projectiontest.Run(t, v.View, h...)
	from, later := began.Format(time.DateOnly), now.AddDate(1, 0, 0).Format(time.DateOnly)
	got := byCustomerAndMonth(t, v, g.DB(), from, later)
	days, months := 0.0, map[string]bool{began.Format("2006-01"): true, now.Format("2006-01"): true}
	for _, line := range got {
		cells := strings.Split(line, " | ")
		n, err := strconv.ParseFloat(cells[4], 64)
		if err != nil || !months[cells[2]] || cells[5] != "0" {
			t.Errorf("%q (%v)", line, err)
		}
		days += n
	}
	if days < 2.98 || days > 3.02 || len(got) != len(months) {
		t.Errorf("%v days of infection, want 3: %q", days, got)
	}
}

func byCustomerAndMonth(t *testing.T, v *sqlview.View, db *pgxpool.Pool, from, until string) []string {
	t.Helper()
	q, err := v.Query("by_customer_and_month", map[string]string{"from": from, "until": until})
	if err != nil {
		t.Fatal(err)
	}
	var got rows
	if err := export.Run(context.Background(), db, []export.Source{{Name: q.Name, Setup: q.Setup, SQL: q.SQL, Args: q.Args}}, &got, nil); err != nil {
		t.Fatal(err)
	}
	return got.lines
}

func TestAddingChecksTheExampleInPostgres(t *testing.T) {
	db := postgrestest.Pool(t)
	if err := load(t, example).Check(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'protection%'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d schemas are left (%v)", left, err)
	}
}
