package sqlview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/projections"
)

// statementTimeout bounds what runs for one event, and queryTimeout a query.
const (
	statementTimeout = 10 * time.Second
	queryTimeout     = 5 * time.Minute
)

// rolePrefix begins the names of the roles under which views run.
const rolePrefix = "avportal_view_"

// View is a definition that has been understood.
type View struct {
	Definition
	projections.View
	schema  []statement
	events  []statement
	queries []statement
}

// Compile checks a definition as far as that goes without a database. Errors are joined Mistakes.
func Compile(d Definition) (*View, error) {
	shapes, err := catalog.Shapes(catalog.Registry())
	if err != nil {
		return nil, err
	}
	v := &View{Definition: d}
	sql := &projections.SQL{Role: rolePrefix + d.Name, Statements: map[string][]projections.Statement{}, Timeout: statementTimeout}
	wrong := v.compileSchema(sql)
	digest := sha256.New()
	for _, file := range slices.Sorted(maps.Keys(d.Files)) {
		if path.Dir(file) != eventFolder {
			continue
		}
		fmt.Fprintf(digest, "%s\x00%s\x00", file, d.Files[file])
		wrong = errors.Join(wrong, v.compileEvent(sql, shapes, file))
	}
	if len(v.events) == 0 && wrong == nil {
		wrong = Mistake{eventFolder + "/", 1, "there is no statement for any event"}
	}
	wrong = errors.Join(wrong, v.compileQueries())
	sql.Digest = hex.EncodeToString(digest.Sum(nil))
	v.View = projections.View{Name: d.Name, Version: d.Version, Schema: d.Files[schemaFile], SQL: sql}
	return v, wrong
}

func (v *View) compileSchema(sql *projections.SQL) (wrong error) {
	text, ok := v.Files[schemaFile]
	if !ok {
		return Mistake{schemaFile, 1, "is missing"}
	}
	var err error
	if v.schema, err = lex(schemaFile, text); err != nil {
		return err
	}
	for _, s := range v.schema {
		wrong = errors.Join(wrong, s.check(maySchema, true))
		if len(s.params) > 0 {
			wrong = errors.Join(wrong, Mistake{schemaFile, s.params[0].line, "a schema has no parameters"})
		}
		if s.first("create", "table") {
			words := s.words[2:]
			if s.first("create", "table", "if", "not", "exists") {
				words = s.words[5:]
			}
			if len(words) > 0 {
				sql.Tables = append(sql.Tables, words[0].text)
			}
		}
	}
	if len(sql.Tables) == 0 && wrong == nil {
		return Mistake{schemaFile, 1, "creates no table"}
	}
	return wrong
}

func (v *View) compileEvent(sql *projections.SQL, shapes []catalog.Shape, file string) (wrong error) {
	eventType := strings.TrimSuffix(path.Base(file), ".sql")
	at := slices.IndexFunc(shapes, func(s catalog.Shape) bool { return s.Type == eventType })
	if at < 0 {
		return Mistake{file, 1, fmt.Sprintf("there is no event type %q; avportal events catalog lists them", eventType)}
	}
	statements, err := lex(file, v.Files[file])
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		return Mistake{file, 1, "holds no statement"}
	}
	for _, s := range statements {
		compiled, err := compileStatement(s, shapes[at])
		wrong = errors.Join(wrong, s.check(mayEvent, true), err)
		s.oids = compiled.OIDs
		sql.Statements[eventType] = append(sql.Statements[eventType], compiled)
		v.events = append(v.events, s)
	}
	return wrong
}

func compileStatement(s statement, shape catalog.Shape) (projections.Statement, error) {
	out := projections.Statement{Where: s.where(), SQL: s.text}
	var wrong error
	var values []func(eventstore.Recorded) (any, error)
	for _, p := range s.params {
		oid, value, ok := parameter(shape, p.name)
		if !ok {
			wrong = errors.Join(wrong, Mistake{s.file, p.line, fmt.Sprintf("%s has no field :%s; there are :%s, and of every event :%s",
				shape.Type, p.name, strings.Join(shape.Paths(), ", :"), strings.Join(metadataNames(), ", :"))})
			continue
		}
		out.OIDs, values = append(out.OIDs, oid), append(values, value)
	}
	out.Values = func(r eventstore.Recorded) ([]any, error) {
		all := make([]any, len(values))
		for i, value := range values {
			var err error
			if all[i], err = value(r); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return out, wrong
}

// parameter finds what a name stands for: a field of the event's data, or with "event." before it what is known of the event.
func parameter(shape catalog.Shape, name string) (oid uint32, value func(eventstore.Recorded) (any, error), ok bool) {
	if m, ok := metadata()[name]; ok {
		return m.oid, m.value, true
	}
	f, ok := shape.Find(name)
	if !ok {
		return 0, nil, false
	}
	return kindOID(f.Kind), func(r eventstore.Recorded) (any, error) { return shape.Value(r.Event, name) }, true
}

// kindOID is the Postgres type of a kind of field.
func kindOID(k catalog.Kind) uint32 {
	switch k {
	case catalog.Integer:
		return pgtype.Int8OID
	case catalog.Boolean:
		return pgtype.BoolOID
	case catalog.Instant:
		return pgtype.TimestamptzOID
	case catalog.Object, catalog.List:
		return pgtype.JSONBOID
	}
	return pgtype.TextOID
}

type metadatum struct {
	oid   uint32
	value func(eventstore.Recorded) (any, error)
}

// metadata is what statements can ask of every event.
func metadata() map[string]metadatum {
	text := func(f func(eventstore.Recorded) string) metadatum {
		return metadatum{pgtype.TextOID, func(r eventstore.Recorded) (any, error) { return f(r), nil }}
	}
	return map[string]metadatum{
		"event.id":           {pgtype.UUIDOID, func(r eventstore.Recorded) (any, error) { return [16]byte(r.ID), nil }},
		"event.type":         text(func(r eventstore.Recorded) string { return r.Type }),
		"event.at":           {pgtype.TimestamptzOID, func(r eventstore.Recorded) (any, error) { return r.At.UTC(), nil }},
		"event.tenant":       text(func(r eventstore.Recorded) string { return string(r.Stream.Tenant) }),
		"event.aggregate":    text(func(r eventstore.Recorded) string { return r.Stream.ID }),
		"event.stream":       text(func(r eventstore.Recorded) string { return r.Stream.String() }),
		"event.revision":     {pgtype.Int8OID, func(r eventstore.Recorded) (any, error) { return int64(r.Revision), nil }},
		"event.position":     text(func(r eventstore.Recorded) string { return r.Position.String() }),
		"event.actor":        text(func(r eventstore.Recorded) string { return r.Meta.ActorID }),
		"event.actor_kind":   text(func(r eventstore.Recorded) string { return string(r.Meta.Actor) }),
		"event.on_behalf_of": text(func(r eventstore.Recorded) string { return r.Meta.OnBehalfOf }),
		"event.correlation":  {pgtype.UUIDOID, func(r eventstore.Recorded) (any, error) { return [16]byte(r.Meta.Correlation), nil }},
		"event.causation":    {pgtype.UUIDOID, func(r eventstore.Recorded) (any, error) { return [16]byte(r.Meta.Causation), nil }},
		"event.data": {pgtype.JSONBOID, func(r eventstore.Recorded) (any, error) {
			b, err := json.Marshal(r.Event)
			return json.RawMessage(b), err
		}},
	}
}

func metadataNames() []string { return slices.Sorted(maps.Keys(metadata())) }

func (v *View) compileQueries() (wrong error) {
	var err error
	if v.queries, err = lex(queriesFile, v.Files[queriesFile]); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, q := range v.queries {
		wrong = errors.Join(wrong, q.check(mayQuery, false))
		switch {
		case q.name == "":
			wrong = errors.Join(wrong, Mistake{q.file, q.line, "a query needs a line before it that says -- name: its_name"})
		case seen[q.name]:
			wrong = errors.Join(wrong, Mistake{q.file, q.line, fmt.Sprintf("there are two queries %s", q.name)})
		}
		seen[q.name] = true
	}
	return wrong
}
