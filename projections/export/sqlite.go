package export

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver: SQLite in Go, so that the portal stays one binary
)

// SQLite is a database in one file, with a table for each that is exported. Booleans are 0 and 1, instants are text in ISO 8601,
// as SQLite's own functions read them.
type SQLite struct {
	db     *sql.DB
	tx     *sql.Tx
	insert *sql.Stmt
}

// NewSQLite makes a database in a file that does not exist yet, or is empty. Close it.
func NewSQLite(file string) (*SQLite, error) {
	// The file is thrown away if the export fails: nothing is gained by a journal.
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("?", "%3f", "#", "%23", "%", "%25").Replace(file)+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &SQLite{db: db}, nil
}

// Begin implements Writer.
func (s *SQLite) Begin(table string, columns []Column) (err error) {
	var definitions, marks []string
	for _, c := range columns {
		definitions, marks = append(definitions, quoteSQLite(c.Name)+" "+sqliteType(c.Kind)), append(marks, "?")
	}
	if s.tx, err = s.db.Begin(); err != nil {
		return err
	}
	if _, err = s.tx.Exec("CREATE TABLE " + quoteSQLite(table) + " (" + strings.Join(definitions, ", ") + ")"); err != nil {
		return err
	}
	s.insert, err = s.tx.Prepare("INSERT INTO " + quoteSQLite(table) + " VALUES (" + strings.Join(marks, ", ") + ")") //nolint:gosec // names are quoted
	return err
}

func quoteSQLite(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func sqliteType(k Kind) string {
	switch k {
	case Integer, Boolean:
		return "INTEGER"
	case Float:
		return "REAL"
	}
	return "TEXT"
}

// Row implements Writer.
func (s *SQLite) Row(cells []any) error {
	for i, cell := range cells {
		if at, ok := cell.(time.Time); ok {
			cells[i] = at.Format("2006-01-02T15:04:05.000000Z")
		}
	}
	_, err := s.insert.Exec(cells...)
	return err
}

// End implements Writer.
func (s *SQLite) End() error {
	err := errors.Join(s.insert.Close(), s.tx.Commit())
	s.tx, s.insert = nil, nil
	return err
}

// Close ends the use of the file.
func (s *SQLite) Close() error {
	var err error
	if s.tx != nil {
		err = s.tx.Rollback()
	}
	return errors.Join(err, s.db.Close())
}
