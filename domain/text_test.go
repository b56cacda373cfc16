package domain_test

import (
	"errors"
	"strings"
	"testing"

	"avportal/domain"
)

func TestName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"  Büro Wien\t", "Büro Wien"},
		{"Bu\u0308ro", "Büro"}, // written with a combining mark
		{strings.Repeat("ä", 100), strings.Repeat("ä", 100)},
		{"x", "x"},
	} {
		if got, err := domain.Name("/name", c.in); err != nil || got != c.want {
			t.Errorf("Name(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"", "  ", strings.Repeat("a", 101), "a\x00b", "a\nb", "evil\u202Etxt", "zero\u200Bwidth", "\xff", strings.Repeat("a", 1<<20)} {
		_, err := domain.Name("/name", in)
		var refusal *domain.Error
		if !errors.As(err, &refusal) || refusal.Class != domain.Invalid || refusal.Field != "/name" {
			t.Errorf("Name(%.20q) is refused with %v, want invalid at /name", in, err)
		}
	}
	if _, err := domain.Name("/name", strings.Repeat("ö", 101)); err == nil || !strings.Contains(err.Error(), "101") || !strings.Contains(err.Error(), "100") {
		t.Errorf("the refusal %v does not tell length and limit", err)
	}
}

func TestLabelMayBeEmpty(t *testing.T) {
	if got, err := domain.Label("/label", "   "); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFoldBringsLikeNamesTogether(t *testing.T) {
	for _, c := range [][2]string{{"Büro", "bu\u0308RO"}, {" Office ", "oFFICE"}, {"Straße", "STRASSE"}, {"Ｗｉｅｎ", "wien"}, {"ΣΑΣ", "σας"}} {
		if domain.Fold(c[0]) != domain.Fold(c[1]) {
			t.Errorf("%q and %q are told apart: %q, %q", c[0], c[1], domain.Fold(c[0]), domain.Fold(c[1]))
		}
	}
	if domain.Fold("Büro") == domain.Fold("Buro") {
		t.Error("Büro and Buro are taken for one")
	}
}

func TestCheckID(t *testing.T) {
	for _, ok := range []string{"a", "0d3b6c62-6d3e-4fd2-9e0f-0f6a3f2c1b11", "L1.main", strings.Repeat("a", 100)} {
		if err := domain.CheckID("/id", ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "a b", "a/b", "ä", "a\x00", strings.Repeat("a", 101)} {
		if err := domain.CheckID("/id", bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v, want invalid", bad, err)
		}
	}
}
