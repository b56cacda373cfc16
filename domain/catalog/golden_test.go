package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/device"
)

// writeGolden makes the golden test write files for shapes that have none. It never overwrites one: history can't change.
const writeGolden = "AVPORTAL_WRITE_GOLDEN"

// Every shape that was ever declared has a stored example. It must stay readable, and one of the present shape must
// come back byte for byte, or this build would write something else than it reads.
func TestEveryShapeHasItsGoldenFile(t *testing.T) {
	r := Registry()
	wanted := map[string]bool{}
	for _, d := range r.Declarations() {
		for version := 1; version <= d.Version; version++ {
			name := fmt.Sprintf("%s.v%d.json", d.Type, version)
			wanted[name] = true
			t.Run(name, func(t *testing.T) { checkGolden(t, r, d, version, filepath.Join("testdata", name)) })
		}
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() && f.Name() == "fuzz" {
			continue
		}
		if !wanted[f.Name()] {
			t.Errorf("testdata/%s belongs to no declared shape: events of a released shape must stay readable", f.Name())
		}
	}
}

func checkGolden(t *testing.T, r *domain.Registry, d domain.Declaration, version int, file string) {
	stored, err := os.ReadFile(file)
	if os.IsNotExist(err) && os.Getenv(writeGolden) != "" && version == d.Version {
		stored = example(t, d)
		err = os.WriteFile(file, stored, 0o600)
	}
	if err != nil {
		t.Fatalf("%v; %s=1 writes it", err, writeGolden)
	}
	e, err := r.Decode(d.Type, version, stored, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, unknown := e.(domain.Unknown); unknown {
		t.Fatal("the registry does not know it")
	}
	if version < d.Version {
		return
	}
	again, _, err := r.Encode(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, again, "", "  "); err != nil {
		t.Fatal(err)
	}
	if got := pretty.String() + "\n"; got != string(stored) {
		t.Errorf("decoded and encoded again it is\n%s\nbut the file says\n%s", got, stored)
	}
	if want := strings.TrimSpace(string(example(t, d))); want != strings.TrimSpace(string(stored)) {
		t.Errorf("the event has fields that the golden file lacks; raise the version, or before the first release delete the file and write it anew.\nwant\n%s", want)
	}
}

// example gives an event with every field set, so that the golden file shows every field.
func example(t *testing.T, d domain.Declaration) []byte {
	t.Helper()
	v := reflect.New(reflect.TypeOf(d.Zero())).Elem()
	n := 0
	fill(v, &n)
	b, err := json.MarshalIndent(v.Interface(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func fill(v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, *n, 567000, time.UTC)
		return
	case *domain.Personal:
		if err := x.UnmarshalText(fmt.Appendf(nil, "subject %d.sealed", *n)); err != nil {
			panic(err)
		}
		return
	case *device.Guard:
		*x = device.Guard(1 + *n%2)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	default:
		panic("no example for a " + v.Type().String())
	}
}

// Pointers and maps in events could be shared between states, and maps have no order; a field without its own wire name
// would change when it is renamed in Go.
func TestEventsAreValuesWithWireNames(t *testing.T) {
	for _, d := range Registry().Declarations() {
		checkShape(t, d.Type, reflect.TypeOf(d.Zero()))
	}
}

func checkShape(t *testing.T, where string, typ reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Interface, reflect.Chan, reflect.Func, reflect.Float32, reflect.Float64:
		t.Errorf("%s is a %s, which has no place in an event", where, typ.Kind())
	case reflect.Slice:
		checkShape(t, where+"[]", typ.Elem())
	case reflect.Struct:
		if typ == reflect.TypeOf(time.Time{}) || typ == reflect.TypeFor[domain.Personal]() {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, "- ") {
				t.Errorf("%s.%s has the wire name %q, want snake_case", where, f.Name, name)
			}
			checkShape(t, where+"."+name, f.Type)
		}
	}
}

// Most events are not read by encoding/json, and must come out as if they were.
func FuzzDecode(f *testing.F) {
	r := Registry()
	present := map[string]domain.Declaration{}
	for _, d := range r.Declarations() {
		present[d.Type] = d
		e, _, err := r.Encode(d.Zero(), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.Type, d.Version, e)
		filled := reflect.New(reflect.TypeOf(d.Zero())).Elem()
		n := 0
		fill(filled, &n)
		if e, err = json.Marshal(filled.Interface()); err != nil {
			f.Fatal(err)
		}
		f.Add(d.Type, d.Version, e)
		f.Add(d.Type, d.Version, bytes.Replace(e, []byte("text"), []byte(`Gr\u00fc\"ße`), 2))
		f.Add(d.Type, d.Version, bytes.Replace(e, []byte("text"), []byte("Grüße \xff<"), 1))
		f.Add(d.Type, d.Version, bytes.Replace(e, []byte(`,"`), []byte(`,"extra":1,"`), 1))
		f.Add(d.Type, d.Version, bytes.Replace(e, []byte("true"), []byte("null"), 1))
	}
	f.Add("device.enrolled", 1, []byte(`{"facts":{"signature_date":"2026-13-01T00:00:00Z"}}`))
	f.Add("device.threat_found", 1, []byte(`{"Threat":"a","threat":"b","threat":"c","open":-0}`))
	f.Add("device.threat_found", 1, []byte(`{"threat":"a","open":99999999999999999999}`))
	f.Add("device.teleported", 7, []byte(`{}`))
	f.Fuzz(func(t *testing.T, eventType string, version int, data []byte) {
		e, err := r.Decode(eventType, version, data, nil)
		if d, ok := present[eventType]; ok && d.Version == version {
			want := reflect.New(reflect.TypeOf(d.Zero()))
			wantErr := json.Unmarshal(data, want.Interface())
			if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(e, want.Elem().Interface()) {
				t.Fatalf("%s: read as %+v (%v), by encoding/json as %+v (%v)", data, e, err, want.Elem(), wantErr)
			}
		}
		if err != nil {
			return
		}
		if e.EventType() != eventType {
			t.Fatalf("%q was decoded to a %q", eventType, e.EventType())
		}
		if _, unknown := e.(domain.Unknown); unknown {
			return
		}
		first, _, err := r.Encode(e, nil)
		if err != nil {
			return // a time zone that RFC 3339 can read but not write: the event came from elsewhere, and nothing of ours writes it
		}
		back, err := r.Decode(eventType, version, first, nil)
		if err != nil {
			t.Fatalf("what was written can't be read: %v: %s", err, first)
		}
		if second, _, err := r.Encode(back, nil); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("written twice it differs: %s, then %s (%v)", first, second, err)
		}
	})
}
