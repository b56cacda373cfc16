package credentials

import (
	"strings"
	"unicode/utf8"

	zxcvbn "github.com/ccojocar/zxcvbn-go"

	"avportal/domain"
)

// Bounds of a password, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

// ErrWeak says that a password is one that is tried first.
var ErrWeak = &domain.Error{
	Class: domain.Invalid, Code: "password_weak", Field: "/password",
	Message: "This password is among those that are tried first. Take several words, or what a password manager makes.",
}

// CheckPassword refuses what is too short or easy to guess. There are no rules of composition: they make no password better.
func CheckPassword(password, email string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return domain.ErrInvalid.At("/password").With("A password has 8 to 128 characters.")
	}
	name, site, _ := strings.Cut(email, "@")
	const enough = 40 // guessing is measured in time that grows with the square
	measured := password[:min(len(password), enough)]
	if zxcvbn.PasswordStrength(measured, []string{email, name, site, "portal", "avportal", "antivirus"}).Score < 2 {
		return ErrWeak
	}
	return nil
}
