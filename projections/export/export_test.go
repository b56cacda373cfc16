package export

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/parquet-go/parquet-go"

	"avportal/projections/postgres/postgrestest"
)

const schema = `CREATE SCHEMA v;
CREATE TABLE v.thing (
	id int PRIMARY KEY, name text, tags text[], score numeric(6,2), ok boolean, at timestamptz, ref uuid, raw bytea, doc jsonb, day date, small smallint
);
INSERT INTO v.thing VALUES
	(1, '=HYPERLINK("http://evil")', '{a,"b,c"}', -12.5, true, '2026-05-03 12:00:00.000123+02', '00112233-4455-6677-8899-aabbccddeeff', '\x0102', '{"a": 1}', '2026-05-03', -3),
	(2, 'Müller, "Praxis"', '{}', NULL, false, '0001-01-01 00:00:00+00', NULL, NULL, NULL, NULL, NULL),
	(3, E'-1+1\n', NULL, 0, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL);`

func things(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db := postgrestest.Pool(t)
	if _, err := db.Exec(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestCSVIsHarmlessAndExact(t *testing.T) {
	var out bytes.Buffer
	var last Progress
	if err := Run(t.Context(), things(t), []Source{TableSource("v", "thing")}, NewCSV(&out), func(p Progress) { last = p }); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"id", "name", "tags", "score", "ok", "at", "ref", "raw", "doc", "day", "small"},
		{"1", `'=HYPERLINK("http://evil")`, `["a","b,c"]`, "-12.5", "true", "2026-05-03T10:00:00.000123Z", "00112233-4455-6677-8899-aabbccddeeff", "0102", `{"a": 1}`, "2026-05-03", "-3"},
		{"2", `Müller, "Praxis"`, "[]", "", "false", "", "", "", "", "", ""},
		{"3", "'-1+1\n", "", "0", "", "", "", "", "", "", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if last.Rows != 3 || last.Table != "thing" {
		t.Errorf("%+v", last)
	}
}

func TestParquetKeepsTypesAndOrder(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), things(t), []Source{TableSource("v", "thing")}, NewParquet(&out), nil); err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID    *int64     `parquet:"id,optional"`
		Name  *string    `parquet:"name,optional"`
		Tags  *string    `parquet:"tags,optional"`
		Score *float64   `parquet:"score,optional"`
		OK    *bool      `parquet:"ok,optional"`
		At    *time.Time `parquet:"at,optional,timestamp(microsecond)"`
	}
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range file.Schema().Fields() {
		names = append(names, f.Name())
	}
	if got := strings.Join(names, " "); got != "id name tags score ok at ref raw doc day small" {
		t.Errorf("columns %s", got)
	}
	r := parquet.NewGenericReader[row](bytes.NewReader(out.Bytes()))
	rows := make([]row, 5)
	n, err := r.Read(rows)
	if n != 3 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%d rows, %v", n, err)
	}
	if *rows[0].ID != 1 || *rows[0].Name != `=HYPERLINK("http://evil")` || *rows[0].Score != -12.5 || !*rows[0].OK ||
		!rows[0].At.Equal(time.Date(2026, 5, 3, 10, 0, 0, 123000, time.UTC)) {
		t.Errorf("row 1 is %+v", rows[0])
	}
	if rows[1].Score != nil || rows[1].At != nil || *rows[1].OK || rows[2].OK != nil || rows[2].At != nil || rows[2].Tags != nil {
		t.Errorf("rows 2 and 3 are %+v", rows[1:3])
	}
}

// Tables that are exchanged during an export are not empty in it: the exchange has to wait.
func TestAnExportHoldsAllItsTables(t *testing.T) {
	db := things(t)
	if _, err := db.Exec(t.Context(), `CREATE TABLE v.late (n int PRIMARY KEY); INSERT INTO v.late VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to := &meddling{Writer: NewCSV(&out), do: func() {
		_, err := db.Exec(t.Context(), `BEGIN; SET LOCAL lock_timeout = '100ms'; CREATE SCHEMA w; CREATE TABLE w.late (n int PRIMARY KEY);
			INSERT INTO w.late VALUES (1), (2); LOCK v.late IN ACCESS EXCLUSIVE MODE; ALTER SCHEMA v RENAME TO u; ALTER SCHEMA w RENAME TO v; COMMIT`)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55P03" {
			t.Errorf("the tables were exchanged: %v", err)
		}
	}}
	if err := Run(t.Context(), db, []Source{TableSource("v", "thing"), TableSource("v", "late")}, to, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "n\n1\n") {
		t.Errorf("%q", out.String())
	}
}

// meddling does something when the first table has begun.
type meddling struct {
	Writer
	once sync.Once
	do   func()
}

func (m *meddling) Begin(table string, columns []Column) error {
	m.once.Do(m.do)
	return m.Writer.Begin(table, columns)
}

func TestSQLiteHoldsSeveralTables(t *testing.T) {
	db := things(t)
	if _, err := db.Exec(t.Context(), `CREATE TABLE v."odd ""name" (n bigint PRIMARY KEY); INSERT INTO v."odd ""name" SELECT generate_series(1, 2500)`); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "50% of #1?.sqlite")
	w, err := NewSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	sources := []Source{TableSource("v", "thing"), TableSource("v", `odd "name`)}
	if err := Run(t.Context(), db, sources, w, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	back, err := NewSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = back.Close() }()
	var name, at string
	var score float64
	var n, sum int
	row := back.db.QueryRowContext(t.Context(), `SELECT name, score, at FROM thing WHERE ok = 1`)
	if err := row.Scan(&name, &score, &at); err != nil || !strings.HasPrefix(name, "=HYPER") || score != -12.5 || at != "2026-05-03T10:00:00.000123Z" {
		t.Errorf("%q %v %q %v", name, score, at, err)
	}
	if err := back.db.QueryRowContext(t.Context(), `SELECT count(*), sum(n) FROM "odd ""name"`).Scan(&n, &sum); err != nil || n != 2500 || sum != 3126250 {
		t.Errorf("%d %d %v", n, sum, err)
	}
	var none sql.NullString
	if err := back.db.QueryRowContext(t.Context(), `SELECT at FROM thing WHERE id = 3`).Scan(&none); err != nil || none.Valid {
		t.Errorf("%v %v", none, err)
	}
}

// A query sees what its setup leaves it, its parameters never become text, and it can't write.
func TestQueriesAreBoundAndReadOnly(t *testing.T) {
	db := things(t)
	source := Source{Name: "q", Setup: "SET LOCAL search_path = v", SQL: "SELECT name, count(*), count(*) FROM thing WHERE name = $1 GROUP BY name", Args: []any{"'; DROP TABLE thing; --"}}
	var out bytes.Buffer
	if err := Run(t.Context(), db, []Source{source}, NewCSV(&out), nil); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "name,count,count_2\n" {
		t.Errorf("got %q", got)
	}
	source.SQL, source.Args = "SELECT set_config('x.y', name, true) FROM thing; DROP TABLE thing", nil
	if err := Run(t.Context(), db, []Source{source}, NewCSV(&out), nil); err == nil {
		t.Error("two statements were run as one query")
	}
	if _, err := db.Exec(context.Background(), `CREATE FUNCTION v.f() RETURNS int LANGUAGE sql AS 'DELETE FROM v.thing RETURNING 1'`); err != nil {
		t.Fatal(err)
	}
	source.SQL = "SELECT v.f()"
	if err := Run(t.Context(), db, []Source{source}, NewCSV(&out), nil); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a query that writes: %v", err)
	}
}
