package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCredentialSurvivesTheHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Credential{DeviceID: rapid.StringMatching(`[0-9a-zA-Z_-]{1,64}`).Draw(t, "id")}
		copy(want.Secret[:], rapid.SliceOfN(rapid.Byte(), SecretBytes, SecretBytes).Draw(t, "secret"))
		got, err := ParseCredential(want.Header())
		if err != nil || got != want {
			t.Fatalf("ParseCredential(%q) = %v, %v", want.Header(), got, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v", want, want, want); strings.Contains(shown, want.Header()[len("Bearer "):]) {
			t.Fatalf("printing a credential shows its secret: %s", shown)
		}
	})
}

func TestParseCredentialRefuses(t *testing.T) {
	good := Credential{DeviceID: "d1"}.Header()
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Bearer d1", "Basic " + good[7:], "Bearer ." + good[10:], good + "A", good[:len(good)-1],
		good + "=", "Bearer d1." + strings.Repeat("!", 43), "Bearer " + strings.Repeat("a", 10_000),
	} {
		if c, err := ParseCredential(header); !errors.Is(err, ErrCredential) {
			t.Errorf("ParseCredential(%q) = %v, %v; want ErrCredential", header, c, err)
		}
	}
}

func TestHashSecretIsPlainSHA256(t *testing.T) {
	const ofZeros = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
	if got := HashSecret([SecretBytes]byte{}); got != ofZeros {
		t.Fatalf("HashSecret(zeros) = %s, want %s", got, ofZeros)
	}
}

func TestCleanMakesAnyReportFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anyText := rapid.OneOf(rapid.String(), rapid.StringN(0, 2000, 4000),
			rapid.SampledFrom([]string{"\x00\x1b[2J", "a\u202Egpj.exe", "\xff\xfe", strings.Repeat("ü", 2000), `\\\`}))
		n := rapid.IntRange(0, 3).Draw(t, "threats")
		if rapid.Bool().Draw(t, "many") {
			n += MaxThreats
		}
		r := Report{
			ID: anyText.Draw(t, "id"), ThreatsComplete: true,
			Facts:    Facts{Hostname: anyText.Draw(t, "host"), Domain: anyText.Draw(t, "domain")},
			Guards:   Guards{GuardMail: true, anyText.Draw(t, "guard"): true},
			LastScan: &Scan{Paths: make([]string, rapid.IntRange(0, 2*MaxPaths).Draw(t, "paths")), Detail: anyText.Draw(t, "detail")},
		}
		name, path := anyText.Draw(t, "name"), anyText.Draw(t, "path")
		for range n {
			r.Threats = append(r.Threats, Threat{Name: name, Path: path})
		}
		r.Clean()
		if again := r.Clean(); again != 0 {
			t.Fatalf("a second Clean still changed %d fields", again)
		}
		if r.ThreatsComplete != (n <= MaxThreats) || len(r.Threats) > MaxThreats || len(r.Guards) > len(KnownGuards()) {
			t.Fatalf("%d threats: %d left, complete %v, guards %v", n, len(r.Threats), r.ThreatsComplete, r.Guards)
		}
		for _, s := range []string{r.ID, r.Facts.Hostname, r.Facts.Domain} {
			checkText(t, s, MaxText)
		}
		for _, th := range r.Threats {
			checkText(t, th.Name, MaxText)
			checkText(t, th.Path, MaxPath)
		}
	})
}

func checkText(t *rapid.T, s string, limit int) {
	if len(s) > limit || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, "\u202E") {
		t.Fatalf("%q does not fit the limits", s)
	}
}

func TestTheLargestReportFitsABody(t *testing.T) {
	long := strings.Repeat(`\`, 4*MaxPath)
	now := time.Now()
	r := Report{Facts: Facts{Hostname: long}, LastScan: &Scan{Detail: long}}
	for range MaxThreats {
		r.Threats = append(r.Threats, Threat{ID: long[:26], Name: long, Path: long, Action: ActionQuarantined, FoundAt: now, Resolved: true, ResolvedAt: &now})
	}
	for range MaxPaths {
		r.LastScan.Paths = append(r.LastScan.Paths, long)
	}
	r.Clean()
	body, err := json.Marshal(r)
	if err != nil || len(body) > MaxBodyBytes {
		t.Fatalf("%d bytes, %v; the limit is %d", len(body), err, MaxBodyBytes)
	}
}
