package user

import (
	"strings"

	"avportal/domain"
)

// Profile is how a person is called and spoken to.
type Profile struct {
	Salutation domain.Personal `json:"salutation"`
	FirstName  domain.Personal `json:"first_name"`
	Surname    domain.Personal `json:"surname"`
	Language   Language        `json:"language"`
}

// Language is that in which the portal speaks to a person.
type Language string

// The languages there are.
const (
	German  Language = "de" // the default
	English Language = "en"
)

// Salutations are what a person may be addressed by; empty for none.
var Salutations = []string{"", "mr", "mrs"}

// Details are a profile as people write it.
type Details struct {
	Salutation string
	FirstName  string
	Surname    string
	Language   Language
}

// DetailsOf gives a profile as people write it, to change some of it.
func DetailsOf(p Profile) Details {
	return Details{Salutation: p.Salutation.Text, FirstName: p.FirstName.Text, Surname: p.Surname.Text, Language: p.Language}
}

// profile checks the details and makes them the person's own.
func (d Details) profile(u domain.UserID) (Profile, error) {
	first, err := domain.Name("/first_name", d.FirstName)
	if err != nil {
		return Profile{}, err
	}
	surname, err := domain.Name("/surname", d.Surname)
	if err != nil {
		return Profile{}, err
	}
	switch d.Salutation {
	case "", "mr", "mrs":
	default:
		return Profile{}, domain.ErrInvalid.At("/salutation").With("A salutation is mr or mrs, or none.")
	}
	switch d.Language {
	case "":
		d.Language = German
	case German, English:
	default:
		return Profile{}, domain.ErrInvalid.At("/language").With(`The languages are "de" and "en".`)
	}
	return Profile{Salutation: of(u, d.Salutation), FirstName: of(u, first), Surname: of(u, surname), Language: d.Language}, nil
}

// of makes a text a person's; an empty one is nobody's.
func of(u domain.UserID, text string) domain.Personal {
	if text == "" {
		return domain.Personal{}
	}
	return domain.Personal{Subject: domain.Subject(u), Text: text}
}

// maxAddress is the longest address that mail servers take.
const maxAddress = 254

// Address gives an e-mail address as it is stored: trimmed. What it checks is what typing errors break; only a mail that
// arrives proves more.
func Address(field, s string) (string, error) {
	s, err := domain.Name(field, s)
	if err != nil {
		return "", err
	}
	local, host, ok := strings.Cut(s, "@")
	plain := !strings.ContainsAny(s, " \t,;:<>()[]\\\"") && !strings.Contains(host, "@")
	if !ok || !plain || local == "" || len(s) > maxAddress || !isHost(host) {
		return "", domain.ErrInvalid.At(field).With("This is not an e-mail address.")
	}
	return s, nil
}

// isHost asks for at least two labels.
func isHost(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return len(labels) > 1
}
