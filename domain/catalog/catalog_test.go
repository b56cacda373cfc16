package catalog

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"avportal/domain"
	"avportal/domain/device"
)

// walkTypes names every type that an event is made of.
func walkTypes(e domain.Event, each func(string)) {
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		leaf := t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[domain.Personal]()
		if t.PkgPath() != "" && !leaf {
			each(path.Base(t.PkgPath()) + "." + t.Name())
		}
		switch {
		case leaf:
		case t.Kind() == reflect.Slice:
			walk(t.Elem())
		case t.Kind() == reflect.Struct:
			for i := range t.NumField() {
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeOf(e))
}

func shapes(t *testing.T) []Shape {
	t.Helper()
	s, err := Shapes(Registry())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryDeclaredTypeHasAShape(t *testing.T) {
	byType := map[string]Shape{}
	for _, s := range shapes(t) {
		byType[s.Type] = s
		if s.Doc == "" || s.Version < 1 || len(s.Fields) == 0 || !strings.HasPrefix(s.Type, s.Aggregate+".") {
			t.Errorf("of %s too little is known: %+v", s.Type, s)
		}
		if _, taken := s.Find("event"); taken {
			t.Errorf("%s has a field named event, which statements of views use for what stands beside the data", s.Type)
		}
	}
	for _, d := range Registry().Declarations() {
		if _, ok := byType[d.Type]; !ok {
			t.Errorf("%s is declared and has no shape", d.Type)
		}
	}
}

// accepts compiles one schema of a document and checks a value with it.
func accepts(t *testing.T, document map[string]any, pointer string, data []byte) error {
	t.Helper()
	b, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem://events.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem://events.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestSchemasAcceptTheGoldenFilesAndRefuseOthers(t *testing.T) {
	all := shapes(t)
	document := JSONSchema(all)
	for _, s := range all {
		golden, err := os.ReadFile(filepath.Join("testdata", s.Type+".v"+string(rune('0'+s.Version))+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(t, document, "/$defs/"+s.Type, golden); err != nil {
			t.Errorf("%s: its schema refuses the golden file: %v", s.Type, err)
		}
		if err := accepts(t, document, "/$defs/"+s.Type, []byte(`{}`)); err == nil {
			t.Errorf("%s: its schema accepts an empty object", s.Type)
		}
		zero, _, err := Registry().Encode(Registry().Declarations()[slices.IndexFunc(all, func(x Shape) bool { return x.Type == s.Type })].Zero(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(t, document, "/$defs/"+s.Type, zero); err != nil {
			t.Errorf("%s: its schema refuses an empty event: %v", s.Type, err)
		}
	}
	if err := accepts(t, document, "/$defs/device.moved", []byte(`{"device": 7}`)); err == nil {
		t.Error("a number passes for a text")
	}
}

func TestTheAsyncAPIDocumentHoldsTogether(t *testing.T) {
	all := shapes(t)
	b, err := json.Marshal(AsyncAPI(all, Usage{"device.moved": {"view devices"}}, "1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	var check func(v any)
	refs := 0
	check = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs++
				if resolve(document, ref) == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range v {
				check(child)
			}
		case []any:
			for _, child := range v {
				check(child)
			}
		}
	}
	check(document)
	if refs < 2*len(all) {
		t.Errorf("%d references for %d event types", refs, len(all))
	}
	for _, want := range []string{"asyncapi", "info", "channels", "operations", "components"} {
		if document[want] == nil {
			t.Errorf("no %s", want)
		}
	}
	for _, s := range all {
		channel, _ := s.channel()
		if resolve(document, "#/channels/"+channel+"/messages/"+s.Type) == nil || resolve(document, "#/components/messages/"+s.Type) == nil {
			t.Errorf("%s stands in no channel", s.Type)
		}
	}
	if used := resolve(document, "#/components/messages/device.moved/x-used-by"); !reflect.DeepEqual(used, []any{"view devices"}) {
		t.Errorf("used by %v", used)
	}
}

func resolve(document any, ref string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = m[step]
	}
	return document
}

func TestValuesOfFields(t *testing.T) {
	byType := map[string]Shape{}
	for _, s := range shapes(t) {
		byType[s.Type] = s
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	observed := device.Observed{Device: "d1", Facts: device.Facts{Hostname: "PC", SignatureDate: at}}
	guards := device.GuardsChanged{To: device.Guards{Engine: device.On}}
	for _, c := range []struct {
		event domain.Event
		path  string
		want  any
	}{
		{observed, "device", "d1"}, {observed, "facts.hostname", "PC"}, {observed, "facts.signature_date", at}, {observed, "last_scan", nil},
		{observed, "last_scan.files", int64(0)}, {observed, "last_scan.finished_at", nil},
		{device.RequestCompleted{OK: true}, "ok", true}, {guards, "to.engine", "on"}, {guards, "from.mail", "absent"},
		{device.ScanRequested{Paths: []string{"a"}}, "paths", json.RawMessage(`["a"]`)},
	} {
		got, err := byType[c.event.EventType()].Value(c.event, c.path)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %s is %v (%v), want %v", c.path, c.event.EventType(), got, err, c.want)
		}
	}
	if _, err := byType["device.observed"].Value(observed, "facts.color"); err == nil {
		t.Error("a field that is not there has a value")
	}
	if _, ok := byType["device.observed"].Find("facts.hostname.x"); ok {
		t.Error("a text has a field")
	}
}
