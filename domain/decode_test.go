package domain

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type plainKinds struct {
	Name  string    `json:"name"`
	Count int16     `json:"count,omitempty"`
	Large int64     `json:"large"`
	Yes   bool      `json:"yes"`
	At    time.Time `json:"at,omitzero"`
	Kind  ActorKind `json:"kind"`
	Parts struct {
		Left  string `json:"left,omitempty"`
		Right string `json:"right"`
	} `json:"parts,omitzero"`
}

func plainRead(data string) (e plainKinds, ok bool) {
	ok = decodePlain(reflect.TypeFor[plainKinds]())([]byte(data), reflect.ValueOf(&e).Elem())
	return e, ok
}

func TestWhatEncodeWritesIsPlain(t *testing.T) {
	full := plainKinds{Name: "Büro 1", Count: -3, Large: 1 << 53, Yes: true, At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Kind: ActorUser}
	full.Parts.Left, full.Parts.Right = "l", "r"
	for _, want := range []plainKinds{{}, full} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := plainRead(string(data)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v", data, got, ok)
		}
	}
}

func TestEverythingElseIsLeftToEncodingJSON(t *testing.T) {
	for _, data := range []string{
		``, `{`, `{}x`, `{ }`, `null`, `[]`, `{"name":"a"`, `{"name":"a",}`, `{,"name":"a"}`, `{"name":"a" }`, `{"Name":"a"}`,
		`{"name":"a\\"}`, `{"name":"a\u0041"}`, "{\"name\":\"\xff\"}", "{\"name\":\"\n\"}", `{"name":null}`, `{"name":1}`, `{"name":"a","name":"b"}`,
		`{"count":1,"name":"a"}`, `{"count":01}`, `{"count":1.0}`, `{"count":1e3}`, `{"count":40000}`, `{"count":-}`, `{"large":9999999999999999999}`,
		`{"yes":1}`, `{"yes":tru}`, `{"at":"2026-13-01T00:00:00Z"}`, `{"at":"yesterday"}`, `{"at":1}`, `{"parts":{"left":"a"}`, `{"parts":{"right":"a","left":"b"}}`,
	} {
		if e, ok := plainRead(data); ok {
			t.Errorf("%s is read as %+v", data, e)
		}
	}
}

func TestTypesThatAreNotPlain(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[struct{ NoName string }](), reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[struct {
			List []string `json:"list"`
		}](),
		reflect.TypeFor[struct {
			A string `json:"a"`
			B string `json:"A"`
		}](),
		reflect.TypeFor[struct {
			N int `json:"n,string"`
		}](),
		reflect.TypeFor[struct {
			Raw json.RawMessage `json:"raw"`
		}](),
	} {
		if decodePlain(typ) != nil {
			t.Errorf("%v passes for plain", typ)
		}
	}
}
