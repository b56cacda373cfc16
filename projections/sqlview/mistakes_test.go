package sqlview_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"avportal/projections/postgres/postgrestest"
	"avportal/projections/sqlview"
)

// folder writes files to a directory; files of the same names in change replace those of a view that works.
func folder(t testing.TB, change map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"view.yaml":                "name: seats\nversion: 1\n",
		"schema.sql":               "CREATE TABLE seat (\n  license text NOT NULL,\n  device text NOT NULL,\n  since timestamptz NOT NULL,\n  PRIMARY KEY (license, device)\n);\n",
		"on/license.activated.sql": "INSERT INTO seat (license, device, since)\nVALUES (:license, :device, :event.at);\n",
		"on/license.released.sql":  "DELETE FROM seat WHERE license = :license AND device = :device;\n",
		"queries.sql":              "-- name: taken\nSELECT license, count(*) AS seats FROM seat GROUP BY license ORDER BY license;\n",
	}
	for name, content := range change {
		files[name] = content
	}
	for name, content := range files {
		if content == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const table = "CREATE TABLE seat (license text, device text, since timestamptz, PRIMARY KEY (license, device));\n"

// A folder that can't be is refused with the file and the line at fault, in every case before anything is built.
func TestMistakesAreNamedByFileAndLine(t *testing.T) {
	db := postgrestest.Pool(t)
	if _, err := db.Exec(t.Context(), `CREATE SCHEMA portal; CREATE TABLE portal.generation (id int); CREATE SCHEMA devices; CREATE TABLE devices.secret (x int)`); err != nil {
		t.Fatal(err)
	}
	on := "on/license.activated.sql"
	for name, c := range map[string]struct {
		file, content, want string
	}{
		"no name":              {"view.yaml", "version: 1\n", "view.yaml:1: name"},
		"bad name":             {"view.yaml", "version: 1\nname: My View\n", "view.yaml:2: name"},
		"taken name":           {"view.yaml", "name: portal\nversion: 1\n", "view.yaml:1: name"},
		"no version":           {"view.yaml", "name: seats\nversion: 0\n", "view.yaml:2: version"},
		"unknown setting":      {"view.yaml", "name: seats\nversion: 1\ncolor: red\n", "view.yaml:3: field color"},
		"no schema":            {"schema.sql", "", "schema.sql:1: is missing"},
		"no key":               {"schema.sql", "-- why\nCREATE TABLE seat (license text, device text, since timestamptz);\n", "schema.sql:2: table seat has no primary key"},
		"bad type":             {"schema.sql", "CREATE TABLE seat (\n  license text,\n  device tekst\n);\n", "schema.sql:3: type \"tekst\" does not exist"},
		"not a schema":         {"schema.sql", table + "\nDROP TABLE seat;\n", "schema.sql:3: a statement here begins with"},
		"counts on":            {"schema.sql", "CREATE TABLE seat (license text, device text, since timestamptz,\n id bigserial PRIMARY KEY);\n", "schema.sql:2: bigserial may not be used"},
		"other schema":         {"schema.sql", table + "CREATE TABLE devices.mine (x int PRIMARY KEY);\n", "schema.sql:2: permission denied for schema devices"},
		"no such event":        {"on/license.lost.sql", "DELETE FROM seat;\n", `on/license.lost.sql:1: there is no event type "license.lost"`},
		"empty":                {on, "-- nothing\n", on + ":1: holds no statement"},
		"no such field":        {on, "INSERT INTO seat (license, device)\nVALUES (:license,\n  :devise);\n", on + ":3: license.activated has no field :devise"},
		"no such metadata":     {on, "DELETE FROM seat WHERE device = :event.host;\n", on + ":1: license.activated has no field :event.host"},
		"no such column":       {on, "INSERT INTO seat (license,\n  devise) VALUES (:license, :device);\n", on + `:2: column "devise"`},
		"wrong type":           {on, "\n/* two\nlines */ INSERT INTO seat (license, device, since)\nVALUES (:license, :device, :used);\n", on + ":4: column \"since\" is of type timestamp with time zone but"},
		"not for an event":     {on, "TRUNCATE seat;\n", on + ":1: a statement here begins with INSERT"},
		"the time of day":      {on, "INSERT INTO seat VALUES (:license, :device,\n now());\n", on + ":2: now may not be used"},
		"the time in words":    {on, "INSERT INTO seat VALUES (:license, :device,\n CURRENT_TIMESTAMP);\n", on + ":2: current_timestamp may not be used"},
		"another role":         {on, "WITH x AS (SELECT set_config('role', 'none', true)) DELETE FROM seat;\n", on + ":1: set_config may not be used"},
		"another role, quoted": {on, "WITH x AS (SELECT \"set_config\" ('role', 'none', true)) DELETE FROM seat;\n", on + ":1: set_config may not be used"},
		"escaped names":        {on, "WITH x AS (SELECT U&\"\\0073et_config\"('role', 'none', true)) DELETE FROM seat;\n", on + ":1: U&"},
		"another view":         {on, "INSERT INTO seat SELECT x::text, :device, :event.at FROM devices.secret;\n", on + ":1: permission denied for schema devices"},
		"the portal's own":     {on, "WITH x AS (DELETE FROM portal.generation) DELETE FROM seat;\n", on + ":1: permission denied for schema portal"},
		"numbered":             {on, "DELETE FROM seat WHERE license = $1;\n", on + ":1: parameters are written :name"},
		"open text":            {on, "DELETE FROM seat\nWHERE license = 'x;\n", on + ":2: a text that begins with ' never ends"},
		"nameless query":       {"queries.sql", "SELECT 1;\n", "queries.sql:1: a query needs a line before it"},
		"two of a name":        {"queries.sql", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n", "queries.sql:4: there are two queries a"},
		"a query that writes":  {"queries.sql", "-- name: a\nDELETE FROM seat;\n", "queries.sql:2: a statement here begins with SELECT"},
		"a query of elsewhere": {"queries.sql", "-- name: a\nSELECT *\nFROM devices.secret;\n", "queries.sql:3: permission denied for schema devices"},
		"a file of no meaning": {"on/license.activated.txt", "x", "on/license.activated.txt:1: has no meaning here"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := sqlview.Load(folder(t, map[string]string{c.file: c.content}))
			var v *sqlview.View
			if err == nil {
				v, err = sqlview.Compile(d)
			}
			if err == nil {
				err = v.Check(t.Context(), db)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// What looks like a parameter or a statement's end inside texts and comments is neither.
func TestSQLIsReadAsPostgresReadsIt(t *testing.T) {
	db := postgrestest.Pool(t)
	d, err := sqlview.Load(folder(t, map[string]string{"on/license.activated.sql": "-- it's; :nothing\n" +
		"INSERT INTO seat (license, device, since) VALUES (:license || ':x;' || E'\\':y' || $q$ ';:z $q$, /* :a /* ; */ */ :device::text, :event.at::timestamptz)\n" +
		"ON CONFLICT (license, \"device\") DO UPDATE SET since = (ARRAY[:event.at, :event.at])[1];\n" +
		"UPDATE seat SET device = device || 1e5::text WHERE license = :event.id::text;"}))
	if err != nil {
		t.Fatal(err)
	}
	v, err := sqlview.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.SQL.Statements["license.activated"]); n != 2 {
		t.Errorf("%d statements, want 2", n)
	}
	if err := v.Check(t.Context(), db); err != nil {
		t.Error(err)
	}
}
