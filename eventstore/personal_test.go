package eventstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

type greeted struct {
	Name domain.Personal `json:"name"`
	Nick domain.Personal `json:"nick"`
}

func (greeted) EventType() string { return "test.greeted" }

func greetings() *domain.Registry {
	return domain.NewRegistry([]domain.Declaration{domain.Declare[greeted](1)})
}

func greet(t *testing.T, keys eventstore.Keyring, e greeted) (eventstore.Stored, error) {
	t.Helper()
	stored, err := eventstore.Encode(t.Context(), greetings(), keys, []eventstore.Proposed{{ID: uuid.New(), Event: e}})
	if err != nil {
		return eventstore.Stored{}, err
	}
	return stored[0], nil
}

func read(t *testing.T, keys eventstore.Keyring, s eventstore.Stored) (greeted, error) {
	t.Helper()
	r := eventstore.Recorded{Type: s.Type, Data: s.Data, RawMeta: s.Metadata}
	err := r.Decode(t.Context(), greetings(), keys)
	e, _ := r.Event.(greeted)
	return e, err
}

var vera = greeted{Name: domain.Personal{Subject: "s1", Text: "Vera Vogel"}, Nick: domain.Personal{Subject: "s1", Text: "Vera Vogel"}}

func TestPersonalTextsAreSealedAndOpened(t *testing.T) {
	keys := memory.NewKeys()
	stored, err := greet(t, keys, vera)
	if err != nil || strings.Contains(string(stored.Data), "Vera") {
		t.Fatalf("stored as %s, %v", stored.Data, err)
	}
	if back, err := read(t, keys, stored); err != nil || back != vera {
		t.Errorf("came back as %+v, %v", back, err)
	}
	again, err := greet(t, keys, vera)
	if err != nil || string(again.Data) == string(stored.Data) {
		t.Errorf("the same text twice is the same cipher text: %s, %v", again.Data, err)
	}
	parts := strings.Split(string(stored.Data), `"`)
	if parts[3] == parts[7] {
		t.Errorf("equal texts show as equal: %s", stored.Data)
	}
}

func TestWithoutItsKeyATextIsErased(t *testing.T) {
	keys := memory.NewKeys()
	stored, err := greet(t, keys, vera)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Destroy(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	if back, err := read(t, keys, stored); err != nil || !back.Name.Erased() || back.Name.Text != "" {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := greet(t, keys, vera); !errors.Is(err, eventstore.ErrErased) {
		t.Errorf("of an erased person something was written: %v", err)
	}
}

// A sealed text holds for its person and its place: it can't be passed off as another.
func TestSealedTextsStayWhereTheyAre(t *testing.T) {
	keys := memory.NewKeys()
	stored, err := greet(t, keys, vera)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := greet(t, keys, greeted{Name: domain.Personal{Subject: "s2", Text: "Other"}}); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(stored.Data), `"`)
	parts[3], parts[7] = parts[7], parts[3]
	swapped := stored
	swapped.Data = []byte(strings.Join(parts, `"`))
	if e, err := read(t, keys, swapped); err == nil {
		t.Errorf("swapped, they are read as %+v", e)
	}
	swapped.Data = []byte(strings.ReplaceAll(string(stored.Data), `"s1.`, `"s2.`))
	if e, err := read(t, keys, swapped); err == nil {
		t.Errorf("another person's, they are read as %+v", e)
	}
	swapped.Data = []byte(`{"name":"s1.AAAA"}`)
	if e, err := read(t, keys, swapped); err == nil {
		t.Errorf("cut short, it is read as %+v", e)
	}
}

// A ring that can't be reached is no reason to call people erased.
func TestWithoutAKeyringNothingIsReadOrWritten(t *testing.T) {
	if _, err := greet(t, nil, vera); err == nil {
		t.Error("written without a keyring")
	}
	stored, err := greet(t, memory.NewKeys(), vera)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := read(t, nil, stored); err == nil {
		t.Errorf("read as %+v without a keyring", e)
	}
	away := errors.New("away")
	if e, err := read(t, brokenKeys{away}, stored); !errors.Is(err, away) {
		t.Errorf("read as %+v, %v", e, err)
	}
	if _, err := greet(t, memory.NewKeys(), greeted{Name: domain.Personal{Text: "Vera"}}); err == nil {
		t.Error("the text of nobody was written")
	}
}

type brokenKeys struct{ err error }

func (b brokenKeys) Seal(context.Context, domain.Subject) (eventstore.Key, error) {
	return eventstore.Key{}, b.err
}

func (b brokenKeys) Open(context.Context, domain.Subject) (eventstore.Key, bool, error) {
	return eventstore.Key{}, false, b.err
}
