// Package projections turns the log into read models in Postgres. A view is a set of tables, each of them a row type and a
// pure fold from events to rows; the engine here does all I/O. Live, it loads the rows that a batch of events touches,
// folds, and writes back what has changed together with the view's position; in a rebuild it folds in memory and copies.
// There is one fold, so live and rebuild can't differ.
package projections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"avportal/eventstore"
)

// View is one read model: its tables, and how they follow from events.
type View struct {
	// Name is also the name of the Postgres schema in which the live tables stand. "<name>_next" is a generation that is
	// being built, "<name>_prev" the one before the last swap.
	Name string

	// Version is raised when Schema or Indexes change, or when past events come to mean something else: the view is then
	// built anew and swapped in by itself. A portal never replaces a view of a higher version than its own.
	Version int

	// Schema creates the tables with their primary keys, by unqualified names: CREATE TABLE license (...). Every column
	// that is not GENERATED must be a field of the row type.
	Schema string

	// Indexes creates the secondary indexes, and before them, if it is not there already, what they need. A rebuild runs it at its
	// end, since filling indexed tables takes several times as long, and makes indexes side by side: those that take longest had
	// better come first. There is no semicolon but at the end of a statement, and "--" begins a comment.
	Indexes string

	// Moment is run in the schema of a moment of the past (see AsOf), after its tables have been filled. It makes what queries
	// need and the log does not tell.
	Moment string

	// Tables are folded apart from each other: none sees another's rows.
	Tables []Table

	// SQL, if there are no Tables, writes the tables by statements.
	SQL *SQL
}

var viewName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// check finds mistakes that need no database.
func (v View) check() error {
	if !viewName.MatchString(v.Name) {
		return fmt.Errorf("view %q: a name is of lower-case letters, digits and underscores", v.Name)
	}
	if v.Version < 1 {
		return fmt.Errorf("view %s: versions count from 1", v.Name)
	}
	if (len(v.Tables) == 0) == (v.SQL == nil) {
		return fmt.Errorf("view %s has no tables, or two ways to write them", v.Name)
	}
	seen := map[string]bool{}
	for _, t := range v.Tables {
		for _, name := range append(t.counterTables(), t.table()) {
			if seen[name] {
				return fmt.Errorf("view %s: table %s is filled twice", v.Name, name)
			}
			seen[name] = true
		}
	}
	return nil
}

// fingerprint tells whether tables were made from this very schema.
func (v View) fingerprint() string {
	made := v.Schema + "\x00" + v.Indexes
	if v.SQL != nil {
		made += "\x00" + v.SQL.Digest
	}
	sum := sha256.Sum256([]byte(made))
	return hex.EncodeToString(sum[:])
}

// TableNames lists the tables of the view, those of counters included.
func (v View) TableNames() (names []string) {
	if v.SQL != nil {
		return v.SQL.Tables
	}
	for _, t := range v.Tables {
		names = append(append(names, t.counterTables()...), t.table())
	}
	return names
}

// Reads reports whether an event moves rows of the view. What a table does with an event may depend on what stands in it.
func (v View) Reads(r eventstore.Recorded) bool {
	if v.SQL != nil {
		return len(v.SQL.Statements[r.Event.EventType()]) > 0
	}
	for _, t := range v.Tables {
		set := t.newWorkingSet()
		if failed := set.touch([]eventstore.Recorded{r}); failed != nil || set.size() > 0 {
			return true
		}
	}
	return false
}
