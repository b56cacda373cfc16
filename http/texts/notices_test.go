package texts_test

import (
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/notice"
	"avportal/http/texts"
)

func TestEveryKindOfNoticeIsToldInEachLanguage(t *testing.T) {
	on := time.Date(2026, 5, 3, 12, 0, 0, 0, time.Local)
	facts := notice.Facts{
		Name: "PC <b>1</b>", Threat: "Test.Virus", Path: "{name}", Guards: []string{"realtime", "web"}, Request: "scan", Code: "expired", Since: on, Until: on, Seats: 20, Used: 18,
	}
	for _, l := range texts.Languages() {
		for _, kind := range domain.Notices() {
			title, text := l.Notice(kind, facts)
			if title == string(kind) || text == "" || strings.Contains(strings.ReplaceAll(text, facts.Path, ""), "{") {
				t.Errorf("%s %s: %q, %q", l, kind, title, text)
			}
			if l.Name("severity", string(kind.Severity())) == string(kind.Severity()) {
				t.Errorf("%s: the severity %s has no name", l, kind.Severity())
			}
		}
	}
	for kind, want := range map[domain.Notice]string{
		domain.NoticeVirusFound:        "Test.Virus wurde auf PC <b>1</b> gefunden: {name}", // what a device says is text, not a form
		domain.NoticeGuardOff:          "Auf PC <b>1</b> ausgeschaltet: Echtzeitschutz, Web-Schutz",
		domain.NoticeLicenseExpiring:   "Die Lizenz PC <b>1</b> endet am 03.05.2026.",
		domain.NoticeSeatsNearlyUsedUp: "18 von 20 Plätzen der Lizenz PC <b>1</b> sind belegt.",
		domain.NoticeCommandFailed:     "Prüfung ist auf PC <b>1</b> fehlgeschlagen: " + texts.German.Name("reason", "expired"),
	} {
		if _, text := texts.German.Notice(kind, facts); text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
	if _, text := texts.English.Notice(domain.NoticeCommandFailed, notice.Facts{Name: "PC", Request: "update", Code: "no_network", Detail: "no route to host"}); text != "Update failed on PC: no route to host" {
		t.Errorf("got %q", text)
	}
}
