package sqlview

import (
	"fmt"
	"slices"
	"strings"
)

// What a statement may not name. The role under which it runs keeps it in its own schema; these lists keep it from leaving
// that role, and from saying something else in a rebuild than it said live.
var (
	// changing answers differ from one call to the next.
	changing = []string{
		"clock_timestamp", "currval", "gen_random_uuid", "lastval", "nextval", "now", "pg_current_xact_id", "random", "random_normal",
		"setval", "statement_timestamp", "timeofday", "transaction_timestamp", "txid_current", "uuidv4", "uuidv7",
	}
	// changingWords do so without parentheses; serial and identity count on in a rebuild that was broken off.
	changingWords = []string{
		"bigserial", "current_date", "current_time", "current_timestamp", "identity", "localtime", "localtimestamp",
		"serial", "serial2", "serial4", "serial8", "smallserial",
	}
	// escaping calls reach beyond the role, run text as SQL, or wait.
	escaping = []string{
		"current_setting", "dblink", "dblink_exec", "pg_notify", "pg_read_binary_file", "pg_read_file", "pg_ls_dir", "pg_sleep", "pg_sleep_for",
		"pg_sleep_until", "pg_cancel_backend", "pg_terminate_backend", "set_config", "ts_rewrite", "ts_stat",
	}
	escapingPrefixes = []string{"cursor_to_xml", "database_to_xml", "lo_", "pg_advisory_", "pg_try_advisory_", "query_to_xml", "schema_to_xml", "table_to_xml"}
)

// may lists what the statements of each file may begin with.
var (
	maySchema = [][]string{
		{"create", "table"}, {"create", "index"}, {"create", "unique", "index"}, {"create", "type"}, {"create", "view"}, {"alter", "table"}, {"comment", "on"},
	}
	mayEvent = [][]string{{"insert"}, {"update"}, {"delete"}, {"merge"}, {"with"}}
	mayQuery = [][]string{{"select"}, {"with"}, {"values"}}
)

// check finds what a statement may not do. Queries may ask for the time.
func (s statement) check(may [][]string, repeatable bool) error {
	if !slices.ContainsFunc(may, func(words []string) bool { return s.first(words...) }) {
		var names []string
		for _, words := range may {
			names = append(names, strings.ToUpper(strings.Join(words, " ")))
		}
		return Mistake{File: s.file, Line: s.line, Message: "a statement here begins with " + strings.Join(names, ", ")}
	}
	for _, w := range s.words {
		if why := w.forbidden(repeatable); why != "" {
			return Mistake{File: s.file, Line: w.line, Message: fmt.Sprintf("%s may not be used here: %s", w.text, why)}
		}
	}
	return nil
}

func (w word) forbidden(repeatable bool) string {
	switch {
	case repeatable && (w.calls && slices.Contains(changing, w.text) || slices.Contains(changingWords, w.text)):
		return "a rebuild would get another answer than the live view did; take the time from :event.at"
	case w.calls && (slices.Contains(escaping, w.text) || slices.ContainsFunc(escapingPrefixes, func(p string) bool { return strings.HasPrefix(w.text, p) })):
		return "it reaches beyond the view"
	}
	return ""
}
