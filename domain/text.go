package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits of what people and devices may write.
const (
	MaxName = 100 // characters of a name
	MaxID   = 100 // bytes of an id
)

// Name gives a name as it is stored: trimmed, in Unicode form NFC, 1 to MaxName characters. Field is the JSON pointer
// that a refusal names.
func Name(field, s string) (string, error) {
	s, err := Label(field, s)
	if err == nil && s == "" {
		return "", ErrInvalid.At(field).With("This must not be empty and may have at most %d characters.", MaxName)
	}
	return s, err
}

// Label is a Name that may be empty.
func Label(field, s string) (string, error) {
	if len(s) > 8*MaxName || !utf8.ValidString(s) { // before any work on what may be very long
		return "", ErrInvalid.At(field).With("This must be UTF-8 text of at most %d characters.", MaxName)
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if n := utf8.RuneCountInString(s); n > MaxName {
		return "", ErrInvalid.At(field).With("This has %d characters; %d are allowed.", n, MaxName)
	}
	if i := strings.IndexFunc(s, invisible); i >= 0 {
		return "", ErrInvalid.At(field).With("This must not contain control or formatting characters.")
	}
	return s, nil
}

// Text checks what a machine wrote, which is stored as it came: at most limit bytes of UTF-8 without control characters.
func Text(field, s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return ErrInvalid.At(field).With("This must be UTF-8 text of at most %d bytes without control characters.", limit)
	}
	return nil
}

// CheckID checks an id that came from outside: 1 to MaxID bytes, letters, digits, dots, dashes and underscores, so that
// it can stand in a stream name.
func CheckID(field, id string) error {
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return ErrInvalid.At(field).With("This is not an id.")
		}
	}
	if id == "" || len(id) > MaxID {
		return ErrInvalid.At(field).With("An id has 1 to %d characters.", MaxID)
	}
	return nil
}

// Fold gives the form in which two names are compared: without regard to case, width or the way accents are written.
func Fold(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name))))
}

// invisible tells control and format characters; the latter turn text around on a screen or make two names look alike.
func invisible(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
