package domain_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
)

const (
	tenant  = domain.Tenant("00112233445566778899aabbccddeeff")
	license = domain.LicenseID("0d3b6c62-6d3e-4fd2-9e0f-0f6a3f2c1b11")
)

func random(b byte) (r [10]byte) {
	for i := range r {
		r[i] = b + byte(i)
	}
	return r
}

func TestTIDTellsTenantAndLicense(t *testing.T) {
	for _, l := range []domain.LicenseID{license, "L-42", "a", domain.LicenseID(strings.ToUpper(string(license))), domain.LicenseID(strings.Repeat("x", 100))} {
		made := domain.NewTID(tenant, l, random(7))
		got, err := domain.ParseTID(" " + strings.ToLower(string(made[:9])) + "-" + string(made[9:]) + "\n")
		if err != nil || got != made || got.Tenant() != tenant || got.License() != l {
			t.Errorf("license %s: %s came back as %s of %s/%s, %v", l, made, got, got.Tenant(), got.License(), err)
		}
	}
	if n := len(domain.NewTID(tenant, license, random(7))); n != 76 {
		t.Errorf("a TID has %d characters", n)
	}
}

func TestTIDNeedsATenantAndALicense(t *testing.T) {
	if got := domain.NewTID("nobody", license, random(1)); got != "" {
		t.Errorf("made %q for a malformed tenant", got)
	}
	if got := domain.NewTID(tenant, "", random(1)); got != "" {
		t.Errorf("made %q without a license", got)
	}
}

func TestTIDEqual(t *testing.T) {
	a, b := domain.NewTID(tenant, license, random(1)), domain.NewTID(tenant, license, random(2))
	same := a
	if !a.Equal(same) || a.Equal(b) || a.Equal("") || domain.TID("").Equal("") {
		t.Error("a TID must equal itself and nothing else, an empty one nothing at all")
	}
}

// One wrong character, or two neighbors exchanged, must never be taken for another license's TID.
func TestTypingErrorsAreNoticed(t *testing.T) {
	good := string(domain.NewTID(tenant, license, random(9)))
	rapid.Check(t, func(t *rapid.T) {
		typed := []byte(good)
		i := rapid.IntRange(0, len(typed)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "exchange") && i > 0 {
			typed[i-1], typed[i] = typed[i], typed[i-1]
		} else {
			typed[i] = rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).Draw(t, "typed")
		}
		if _, err := domain.ParseTID(string(typed)); string(typed) != good && !errors.Is(err, domain.ErrMalformedTID) {
			t.Fatalf("%s was taken for a TID: %v", typed, err)
		}
	})
}

func FuzzParseTID(f *testing.F) {
	f.Add(string(domain.NewTID(tenant, license, random(1))))
	f.Add(string(domain.NewTID(tenant, "L-42", random(1))))
	f.Add("")
	f.Add("AAAA-AAAA AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		tid, err := domain.ParseTID(s)
		if err != nil {
			if tid != "" {
				t.Fatalf("refused, yet %q", tid)
			}
			return
		}
		if !tid.Tenant().Valid() || tid.License() == "" {
			t.Fatalf("%q is of tenant %q, license %q", tid, tid.Tenant(), tid.License())
		}
		if again, err := domain.ParseTID(string(tid)); again != tid || err != nil {
			t.Fatalf("%q read again is %q, %v", tid, again, err)
		}
	})
}

func FuzzParseStream(f *testing.F) {
	f.Add(string(tenant) + "-device-d1")
	f.Add(string(tenant) + ".telemetry-device-d1")
	f.Add("$ce-" + string(tenant))
	f.Add("-")
	f.Fuzz(func(t *testing.T, name string) {
		s, err := domain.ParseStream(name)
		if err == nil && s.String() != name {
			t.Fatalf("%q was read as %+v, which is written %q", name, s, s)
		}
		if err != nil && s != (domain.Stream{}) {
			t.Fatalf("refused, yet %+v", s)
		}
	})
}
