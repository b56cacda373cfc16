package domain_test

import (
	"reflect"
	"strings"
	"testing"

	"avportal/domain"
)

type priced struct {
	Cents    int    `json:"cents"`
	Currency string `json:"currency"`
}

func (priced) EventType() string { return "thing.priced" }

type pricedV1 struct {
	Euros int `json:"euros"`
}

type undeclared struct{}

func (undeclared) EventType() string { return "thing.undeclared" }

func prices() []domain.Declaration {
	return []domain.Declaration{domain.Declare(2, domain.Was(1, func(o pricedV1) priced { return priced{o.Euros * 100, "EUR"} }))}
}

func TestRegistryReadsEveryShape(t *testing.T) {
	r := domain.NewRegistry(prices())
	for version, stored := range map[int]string{1: `{"euros":3}`, 2: `{"cents":300,"currency":"EUR"}`} {
		got, err := r.Decode("thing.priced", version, []byte(stored), nil)
		if err != nil || got != (priced{300, "EUR"}) {
			t.Errorf("version %d: %+v, %v", version, got, err)
		}
		if _, err := r.Decode("thing.priced", version, []byte(`{"`), nil); err == nil || !strings.Contains(err.Error(), "thing.priced") {
			t.Errorf("version %d: damaged bytes give %v", version, err)
		}
	}
	data, version, err := r.Encode(priced{300, "EUR"}, nil)
	if err != nil || version != 2 || string(data) != `{"cents":300,"currency":"EUR"}` {
		t.Errorf("stored as %s version %d, %v", data, version, err)
	}
}

func TestRegistryDoesNotGuess(t *testing.T) {
	r := domain.NewRegistry(prices())
	for _, c := range []struct {
		name    string
		version int
	}{{"thing.priced", 3}, {"thing.priced", 0}, {"thing.new", 1}} {
		got, err := r.Decode(c.name, c.version, []byte(`{"x":1}`), nil)
		want := domain.Unknown{Type: c.name, Version: c.version, Data: []byte(`{"x":1}`)}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s version %d: %+v, %v", c.name, c.version, got, err)
		}
	}
	if _, _, err := r.Encode(undeclared{}, nil); err == nil {
		t.Error("an event that could never be read back was written")
	}
}

func TestRegistryRefusesMistakesAtStart(t *testing.T) {
	for name, groups := range map[string][][]domain.Declaration{
		"declared twice":     {prices(), prices()},
		"without past shape": {{domain.Declare[priced](2)}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an event type %s was accepted", name)
				}
			}()
			domain.NewRegistry(groups...)
		}()
	}
}
