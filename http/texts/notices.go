package texts

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"avportal/domain"
	"avportal/domain/notice"
)

// noticeSentences say what each kind of notice tells, by language. Times are the portal's own.
var noticeSentences = map[Language]map[domain.Notice]string{
	English: {
		domain.NoticeVirusFound:        "{threat} was found on {name}: {path}",
		domain.NoticeCleaningFailed:    "{threat} has been on {name} since {since} and has not been removed: {path}",
		domain.NoticeGuardOff:          "Switched off on {name}: {guards}",
		domain.NoticeOutdated:          "The signatures of {name} are from {since}.",
		domain.NoticeNotSeen:           "{name} was last heard of on {since}.",
		domain.NoticeInstalled:         "The client was installed on {name}.",
		domain.NoticeRemoved:           "{name} was removed.",
		domain.NoticeCommandFailed:     "{request} failed on {name}: {reason}",
		domain.NoticeLicenseExpiring:   "The license {name} ends on {until}.",
		domain.NoticeLicenseExpired:    "The license {name} ended on {until}.",
		domain.NoticeSeatsNearlyUsedUp: "{used} of {seats} seats of the license {name} are in use.",
		domain.NoticeSeatsUsedUp:       "All {seats} seats of the license {name} are in use.",
		domain.NoticeInvitationExpired: "An invitation expired on {until} without having been accepted.",
	},
	German: {
		domain.NoticeVirusFound:        "{threat} wurde auf {name} gefunden: {path}",
		domain.NoticeCleaningFailed:    "{threat} ist seit {since} auf {name} und wurde nicht entfernt: {path}",
		domain.NoticeGuardOff:          "Auf {name} ausgeschaltet: {guards}",
		domain.NoticeOutdated:          "Die Signaturen von {name} sind vom {since}.",
		domain.NoticeNotSeen:           "{name} hat sich zuletzt am {since} gemeldet.",
		domain.NoticeInstalled:         "Auf {name} wurde der Client installiert.",
		domain.NoticeRemoved:           "{name} wurde entfernt.",
		domain.NoticeCommandFailed:     "{request} ist auf {name} fehlgeschlagen: {reason}",
		domain.NoticeLicenseExpiring:   "Die Lizenz {name} endet am {until}.",
		domain.NoticeLicenseExpired:    "Die Lizenz {name} ist am {until} abgelaufen.",
		domain.NoticeSeatsNearlyUsedUp: "{used} von {seats} Plätzen der Lizenz {name} sind belegt.",
		domain.NoticeSeatsUsedUp:       "Alle {seats} Plätze der Lizenz {name} sind belegt.",
		domain.NoticeInvitationExpired: "Eine Einladung ist am {until} abgelaufen, ohne angenommen zu werden.",
	},
}

// Notice says what a notice tells: its kind as a title, and a sentence. It is plain text; names in it come from devices and people.
func (l Language) Notice(kind domain.Notice, f notice.Facts) (title, text string) {
	guards := make([]string, len(f.Guards))
	for i, g := range f.Guards {
		guards[i] = l.Name("field", g)
	}
	text = strings.NewReplacer(
		"{name}", cmp.Or(f.Name, "?"), "{threat}", f.Threat, "{path}", f.Path, "{guards}", strings.Join(guards, ", "),
		"{request}", l.Name("request", f.Request), "{reason}", l.reason(f), "{since}", l.date(f.Since), "{until}", l.date(f.Until),
		"{used}", strconv.Itoa(f.Used), "{seats}", strconv.Itoa(f.Seats),
	).Replace(noticeSentences[l][kind])
	return l.Name("notice", string(kind)), strings.TrimSuffix(text, ": ")
}

// reason is why a command failed: in words of the portal, or else of the client.
func (l Language) reason(f notice.Facts) string {
	if name := l.Name("reason", f.Code); name != f.Code {
		return name
	}
	return cmp.Or(f.Detail, f.Code)
}

func (l Language) date(t time.Time) string {
	if l == German {
		return t.Local().Format("02.01.2006")
	}
	return t.Local().Format("2 January 2006")
}
