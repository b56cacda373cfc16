package texts_test

import (
	"testing"

	"avportal/http/texts"
)

func TestTheLanguageThatACallerReads(t *testing.T) {
	for header, want := range map[string]texts.Language{
		"": texts.English, "de": texts.German, "de-AT,de;q=0.9,en;q=0.5": texts.German, "en-US,en;q=0.9,de;q=0.8": texts.English,
		"fr": texts.English, "fr, de;q=0.5": texts.German, "*": texts.English, "de;q=0, en": texts.English, "nonsense;;;q=x": texts.English, "DE": texts.German,
	} {
		if got := texts.Match(header); got != want {
			t.Errorf("Accept-Language %q is answered in %q, want %q", header, got, want)
		}
	}
}

func TestSentencesAndNames(t *testing.T) {
	const seats = "%d seats are in use. Remove devices before you set the license to %d."
	if got, want := texts.German.Sentence(seats, 7, 5), "7 Plätze sind belegt. Entfernen Sie Geräte, bevor Sie die Lizenz auf 5 setzen."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := texts.English.Sentence("%d %% of all", 3); got != "3 % of all" {
		t.Errorf("got %q", got)
	}
	if got := texts.German.Sentence("Nobody has translated this: 100 %."); got != "Nobody has translated this: 100 %." {
		t.Errorf("an unknown sentence became %q", got)
	}
	if got := texts.German.Name("action", "device.scan"); got != "Prüfung" {
		t.Errorf("a scan is %q", got)
	}
	if got := texts.German.Name("action", "made.up"); got != "made.up" {
		t.Errorf("what has no name is %q", got)
	}
}
