package projections

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// columnDef is a column as Postgres describes it.
type columnDef struct {
	table, name   string
	oid, arrayOID uint32
	sqlType       string
	key, isArray  bool
}

// binding is one table of one generation: its columns, and the statements that read and write it.
type binding struct {
	schema, table string
	columns       []column
	keys          []int    // of columns
	values        []int    // the others
	order         []uint64 // of sortByKey, which uses it again

	loadSQL, insertSQL, updateSQL, deleteSQL string // for up to about a thousand rows: by arrays
	stageSQL, stageCopySQL, stagedUpdateSQL  string // for more: through a temporary table that is empty after each transaction
	unstageSQL                               string
	copySQL                                  string
	addSQL, dropZeroSQL                      string // of a counter table
}

func newBinding(m *pgtype.Map, schema, name string, row *rowType, defs []columnDef) (*binding, error) {
	b := &binding{schema: schema, table: name}
	byName := map[string]columnDef{}
	for _, d := range defs {
		byName[d.name] = d
	}
	for _, f := range row.fields {
		d, ok := byName[f.column]
		if !ok {
			return nil, fmt.Errorf("table %s has no column %s, which %v needs", name, f.column, row.typ)
		}
		delete(byName, f.column)
		c, err := newColumn(m, f, d)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", name, err)
		}
		if c.key {
			b.keys = append(b.keys, len(b.columns))
		} else {
			b.values = append(b.values, len(b.columns))
		}
		b.columns = append(b.columns, c)
	}
	for missing := range byName {
		return nil, fmt.Errorf("table %s has a column %s that no field of %v fills", name, missing, row.typ)
	}
	b.statements()
	return b, nil
}

// checkKey checks that the primary key is what the key type says.
func (b *binding) checkKey(isKey func(column) bool, what string) error {
	for _, c := range b.columns {
		if c.key != isKey(c) {
			return fmt.Errorf("table %s: column %s must be part of both the primary key and %s, or of neither", b.table, c.column, what)
		}
	}
	return nil
}

func (b *binding) target() string { return pgx.Identifier{b.schema, b.table}.Sanitize() }

func (b *binding) statements() {
	all := b.all()
	target := b.target()
	b.loadSQL = fmt.Sprintf("SELECT %s FROM %s t JOIN %s ON %s", b.list("t.", all), target, b.unnest(b.keys), b.match("t", "n"))
	b.insertSQL = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", target, b.list("", all), b.casts(all), b.unnest(all))
	b.copySQL = fmt.Sprintf("COPY %s (%s) FROM STDIN BINARY", target, b.list("", all))
	b.deleteSQL = b.counted("deleted", fmt.Sprintf("DELETE FROM %s t USING %s WHERE %s RETURNING 1", target, b.unnest(b.keys), b.match("t", "n")), len(b.keys)+1)
	if len(b.values) == 0 {
		return // rows come and go, but never change
	}
	b.updateSQL = b.counted("updated", fmt.Sprintf("UPDATE %s t SET %s FROM %s WHERE %s RETURNING 1", target, b.set(b.cast), b.unnest(all), b.match("t", "n")), len(all)+1)
	stage := pgx.Identifier{"pg_temp", "stage_" + b.table}.Sanitize()
	b.stageSQL = fmt.Sprintf("CREATE TEMPORARY TABLE %s ON COMMIT DELETE ROWS AS SELECT %s FROM %s WITH NO DATA", stage, b.list("", all), target)
	b.unstageSQL = "DROP TABLE " + stage
	b.stageCopySQL = fmt.Sprintf("COPY %s (%s) FROM STDIN BINARY", stage, b.list("", all))
	plain := func(i int) string { return "n." + quote(b.columns[i].column) }
	b.stagedUpdateSQL = b.counted("updated", fmt.Sprintf("UPDATE %s t SET %s FROM %s n WHERE %s RETURNING 1", target, b.set(plain), stage, b.match("t", "n")), 1)

	sums, zero := make([]string, len(b.values)), make([]string, len(b.values))
	for i, v := range b.values {
		c := quote(b.columns[v].column)
		sums[i] = fmt.Sprintf("%s = t.%s + n.%s", c, c, c)
		zero[i] = fmt.Sprintf("t.%s = 0", c)
	}
	// Not ON CONFLICT: it would hold a negative difference against CHECK (n >= 0).
	b.addSQL = fmt.Sprintf(`WITH n AS MATERIALIZED (SELECT * FROM %s), added AS (UPDATE %s t SET %s FROM n WHERE %s)
		INSERT INTO %s (%s) SELECT %s FROM n WHERE NOT EXISTS (SELECT FROM %s t WHERE %s)`,
		b.unnest(all), target, strings.Join(sums, ", "), b.match("t", "n"), target, b.list("", all), b.list("n.", all), target, b.match("t", "n"))
	b.dropZeroSQL = fmt.Sprintf("DELETE FROM %s t USING %s WHERE %s AND %s", target, b.unnest(b.keys), b.match("t", "n"), strings.Join(zero, " AND "))
}

// counted makes a statement fail unless it concerns as many rows as its last parameter says: a read model that somebody
// has touched by hand must not pass for whole.
func (b *binding) counted(what, sql string, param int) string {
	return fmt.Sprintf("WITH done AS (%s) SELECT portal.must(count(*), $%d, '%s', 'rows of %s.%s %s') FROM done", sql, param, stateMissing, b.schema, b.table, what)
}

// all columns.
func (b *binding) all() []int {
	all := make([]int, len(b.columns))
	for i := range all {
		all[i] = i
	}
	return all
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func (b *binding) list(prefix string, columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = prefix + quote(b.columns[c].column)
	}
	return strings.Join(names, ", ")
}

// unnest makes rows "n" of one array parameter for each column.
func (b *binding) unnest(columns []int) string {
	params := make([]string, len(columns))
	for i := range columns {
		params[i] = fmt.Sprintf("$%d", i+1)
	}
	return fmt.Sprintf("unnest(%s) AS n (%s)", strings.Join(params, ", "), b.list("", columns))
}

func (b *binding) cast(i int) string {
	c := b.columns[i]
	if c.isArray {
		return fmt.Sprintf("n.%s::%s", quote(c.column), c.sqlType)
	}
	return "n." + quote(c.column)
}

func (b *binding) casts(columns []int) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = b.cast(c)
	}
	return strings.Join(out, ", ")
}

func (b *binding) set(value func(int) string) string {
	out := make([]string, len(b.values))
	for i, v := range b.values {
		out[i] = quote(b.columns[v].column) + " = " + value(v)
	}
	return strings.Join(out, ", ")
}

func (b *binding) match(left, right string) string {
	out := make([]string, len(b.keys))
	for i, k := range b.keys {
		c := quote(b.columns[k].column)
		out[i] = fmt.Sprintf("%s.%s = %s.%s", left, c, right, c)
	}
	return strings.Join(out, " AND ")
}
