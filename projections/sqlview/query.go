package sqlview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"avportal/projections"
)

// Query is a query of a view with its parameters, ready to be run in a read-only transaction.
type Query struct {
	View, Name string
	Setup      string // to be run in the transaction first: it takes all rights but those of the view
	SQL        string
	Args       []any
}

// ErrNoQuery says that a view has no such query, or not with these parameters.
var ErrNoQuery = errors.New("no such query")

// FindQuery finds a query of a stored view. Parameters are given as text; Postgres reads them as what the query makes of them.
func FindQuery(ctx context.Context, db projections.Querier, view, name string, params map[string]string) (Query, error) {
	d, ok, err := find(ctx, db, view)
	if err == nil && !ok {
		err = fmt.Errorf("view %s: %w", view, ErrNotStored)
	}
	if err != nil {
		return Query{}, err
	}
	v, err := Compile(d)
	if err != nil {
		return Query{}, err
	}
	return v.Query(name, params)
}

// Query is a query of this view.
func (v *View) Query(name string, params map[string]string) (Query, error) {
	at := slices.IndexFunc(v.queries, func(s statement) bool { return s.name == name })
	if at < 0 {
		return Query{}, fmt.Errorf("%w: view %s has %s", ErrNoQuery, v.Definition.Name, strings.Join(v.QueryNames(), ", "))
	}
	s := v.queries[at]
	q := Query{View: v.Definition.Name, Name: name, SQL: s.text, Setup: fmt.Sprintf("SET LOCAL timezone = 'UTC'; SET LOCAL search_path = %s; SET LOCAL statement_timeout = %d; SET LOCAL ROLE %s",
		quote(v.Definition.Name), queryTimeout.Milliseconds(), quote(v.SQL.Role))}
	given := maps.Clone(params)
	for _, p := range s.params {
		value, ok := given[p.name]
		if !ok {
			return q, fmt.Errorf("%w: query %s needs a parameter %s", ErrNoQuery, name, p.name)
		}
		q.Args = append(q.Args, value)
	}
	for _, p := range s.params {
		delete(given, p.name)
	}
	for unknown := range given {
		return q, fmt.Errorf("%w: query %s has no parameter %s", ErrNoQuery, name, unknown)
	}
	return q, nil
}

// QueryNames lists the queries of a view, as they stand in its file.
func (v *View) QueryNames() (names []string) {
	for _, q := range v.queries {
		names = append(names, q.name)
	}
	return names
}
