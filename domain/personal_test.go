package domain_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"avportal/domain"
)

type contact struct {
	Email domain.Personal `json:"email"`
}

type met struct {
	Who     string          `json:"who"`
	Name    domain.Personal `json:"name"`
	Contact contact         `json:"contact"`
}

func (met) EventType() string { return "thing.met" }

type metV1 struct {
	FullName domain.Personal `json:"full_name"`
}

type listed struct {
	Names []domain.Personal `json:"names"`
}

func (listed) EventType() string { return "thing.listed" }

func meetings() *domain.Registry {
	return domain.NewRegistry([]domain.Declaration{domain.Declare[met](2, domain.Was(1, func(o metV1) met { return met{Name: o.FullName} }))}, prices())
}

// reversed is the cipher of these tests; it keeps the places that it was told.
type reversed struct{ places []string }

func (r *reversed) seal(place string, p domain.Personal) (domain.Personal, error) {
	r.places = append(r.places, place)
	return p.Seal(turned(p.Text)), nil
}

func (r *reversed) open(place string, p domain.Personal) (domain.Personal, error) {
	r.places = append(r.places, place)
	return p.Open(turned(p.Sealed())), nil
}

func turned(s string) string {
	b := []byte(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}

func TestPersonalTextsAreStoredSealed(t *testing.T) {
	r, cipher := meetings(), &reversed{}
	e := met{Who: "w1", Name: domain.Personal{Subject: "s1", Text: "Vera"}, Contact: contact{domain.Personal{Subject: "s1", Text: "v@example.org"}}}
	stored, _, err := r.Encode(e, cipher.seal)
	if err != nil || string(stored) != `{"who":"w1","name":"s1.areV","contact":{"email":"s1.gro.elpmaxe@v"}}` {
		t.Fatalf("stored as %s, %v", stored, err)
	}
	if e.Name.Text != "Vera" {
		t.Error("the event was changed")
	}
	back, err := r.Decode("thing.met", 2, stored, cipher.open)
	if err != nil || back != e {
		t.Errorf("came back as %+v, %v", back, err)
	}
	closed, err := r.Decode("thing.met", 2, stored, nil)
	if err != nil || closed.(met).Name.Text != "" || closed.(met).Name.Sealed() != "areV" {
		t.Errorf("without a key: %+v, %v", closed, err)
	}
	if again, _, err := r.Encode(closed, nil); err != nil || string(again) != string(stored) {
		t.Errorf("a sealed event is stored again as %s, %v", again, err)
	}
	want := "thing.met/name thing.met/contact.email thing.met/name thing.met/contact.email"
	if got := strings.Join(cipher.places, " "); got != want {
		t.Errorf("places %s, want %s", got, want)
	}
}

// A text of a past shape was sealed for its place there.
func TestPersonalTextsOfPastShapesAreOpened(t *testing.T) {
	cipher := &reversed{}
	e, err := meetings().Decode("thing.met", 1, []byte(`{"full_name":"s1.areV"}`), cipher.open)
	if err != nil || e.(met).Name != (domain.Personal{Subject: "s1", Text: "Vera"}) || cipher.places[0] != "thing.met/full_name" {
		t.Errorf("%+v, %v, %v", e, err, cipher.places)
	}
}

func TestNoPersonalTextGetsOutByAccident(t *testing.T) {
	e := met{Name: domain.Personal{Subject: "s1", Text: "Vera"}}
	if _, _, err := meetings().Encode(e, nil); err == nil {
		t.Error("it was stored in clear")
	}
	if b, err := json.Marshal(e); err == nil {
		t.Errorf("it became %s", b)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, e); strings.Contains(s, "Vera") {
			t.Errorf("%s prints %s", format, s)
		}
	}
	if s := fmt.Sprint(e.Name, e.Name.Erase(), domain.Personal{}); s != "(personal) (erased) " {
		t.Errorf("prints %q", s)
	}
}

func TestAnErasedTextIsNone(t *testing.T) {
	erase := func(_ string, p domain.Personal) (domain.Personal, error) { return p.Erase(), nil }
	e, err := meetings().Decode("thing.met", 2, []byte(`{"who":"w1","name":"s1.areV","contact":{"email":"s1.x"}}`), erase)
	if err != nil || !e.(met).Name.Erased() || e.(met).Name.Text != "" || e.(met).Who != "w1" {
		t.Errorf("%+v, %v", e, err)
	}
	if texts := domain.PersonalTexts(e); len(texts) != 2 || !texts["contact.email"].Erased() {
		t.Errorf("texts %v", texts)
	}
}

func TestWhichTypesArePersonal(t *testing.T) {
	r := meetings()
	if !r.Personal("thing.met") || r.Personal("thing.priced") || r.Personal("thing.unheard") {
		t.Error("the registry does not know which types hold personal texts")
	}
	defer func() {
		if recover() == nil {
			t.Error("a list of personal texts was declared")
		}
	}()
	domain.Declare[listed](1)
}

func TestDamagedPersonalTexts(t *testing.T) {
	for _, stored := range []string{`"x"`, `".x"`, `"x."`, `7`} {
		if e, err := meetings().Decode("thing.met", 2, []byte(`{"name":`+stored+`}`), nil); err == nil {
			t.Errorf("%s was read as %+v", stored, e)
		}
	}
}

type invited struct {
	Guests []contact `json:"guests"`
}

func (invited) EventType() string { return "thing.invited" }

func TestPersonalTextsInLists(t *testing.T) {
	r, cipher := domain.NewRegistry([]domain.Declaration{domain.Declare[invited](1)}), &reversed{}
	e := invited{Guests: []contact{{domain.Personal{Subject: "s1", Text: "a@x"}}, {domain.Personal{Subject: "s2", Text: "b@y"}}}}
	stored, _, err := r.Encode(e, cipher.seal)
	if err != nil || string(stored) != `{"guests":[{"email":"s1.x@a"},{"email":"s2.y@b"}]}` || e.Guests[0].Email.Text != "a@x" {
		t.Fatalf("stored as %s, %v; the event is %+v", stored, err, e.Guests[0].Email.Text)
	}
	back, err := r.Decode("thing.invited", 1, stored, cipher.open)
	if err != nil || len(back.(invited).Guests) != 2 || back.(invited).Guests[1] != e.Guests[1] || cipher.places[3] != "thing.invited/guests.email" {
		t.Errorf("came back as %+v, %v, %v", back, err, cipher.places)
	}
	if texts := domain.PersonalTexts(e); len(texts) != 2 || texts["guests.1.email"].Text != "b@y" {
		t.Errorf("texts %v", texts)
	}
	if none, err := r.Decode("thing.invited", 1, []byte(`{"guests":null}`), cipher.open); err != nil || none.(invited).Guests != nil {
		t.Errorf("no list: %+v, %v", none, err)
	}
}
