package profile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"avportal/domain"
)

// Notifications say who is told of what.
type Notifications struct {
	Recipients []Recipient `json:"recipients,omitempty"`
}

// Recipient is somebody who is told of what happens to the devices that use the profile.
type Recipient struct {
	Address  domain.Personal `json:"address"` // e-mail, under a subject of its own
	Kinds    []domain.Notice `json:"kinds"`   // in the order of the list of kinds
	Delivery Delivery        `json:"delivery"`
}

// Delivery is when a recipient is told.
type Delivery string

// The ways there are.
const (
	Instant Delivery = "instant"
	Digest  Delivery = "daily" // once a day, in one message
)

func (n Notifications) equal(o Notifications) bool {
	return slices.EqualFunc(n.Recipients, o.Recipients, func(a, b Recipient) bool {
		return a.Address == b.Address && a.Delivery == b.Delivery && slices.Equal(a.Kinds, b.Kinds)
	})
}

func (n Notifications) clean() (out Notifications, err error) {
	const at = "/notifications/recipients"
	if len(n.Recipients) > MaxRecipients {
		return out, tooMany(at, len(n.Recipients), MaxRecipients)
	}
	for i, r := range n.Recipients {
		field := fmt.Sprintf("%s/%d", at, i)
		if r.Address.Erased() { // in settings that are brought back or copied
			continue
		}
		if r.Address, err = cleanAddress(field+"/address", r.Address); err != nil {
			return out, err
		}
		if slices.ContainsFunc(out.Recipients, func(o Recipient) bool { return strings.EqualFold(o.Address.Text, r.Address.Text) }) {
			return out, domain.ErrInvalid.At(field + "/address").With("Another recipient has this address.")
		}
		if r.Delivery != Instant && r.Delivery != Digest {
			return out, domain.ErrInvalid.At(field + "/delivery").With(`Notifications are delivered "instant" or "daily".`)
		}
		if r.Kinds, err = cleanKinds(field+"/kinds", r.Kinds); err != nil {
			return out, err
		}
		out.Recipients = append(out.Recipients, r)
	}
	return out, nil
}

// cleanKinds gives kinds the order of the list, so that the order in which they were ticked is no difference.
func cleanKinds(field string, kinds []domain.Notice) ([]domain.Notice, error) {
	all := domain.Notices()
	for i, k := range kinds {
		if !slices.Contains(all, k) {
			return nil, domain.ErrInvalid.At(fmt.Sprintf("%s/%d", field, i)).With("There is no such kind of notification.")
		}
	}
	ordered := slices.DeleteFunc(all, func(k domain.Notice) bool { return !slices.Contains(kinds, k) })
	if len(ordered) == 0 {
		return nil, domain.ErrInvalid.At(field).With("A recipient needs at least one kind of notification.")
	}
	return ordered, nil
}

// known gives an address that stands in the settings already the subject that it has there, so that one person does not
// become many.
func (n Notifications) known(before Notifications) Notifications {
	n.Recipients = slices.Clone(n.Recipients)
	for i, r := range n.Recipients {
		for _, b := range before.Recipients {
			if r.Address.Text != "" && strings.EqualFold(strings.TrimSpace(r.Address.Text), b.Address.Text) {
				n.Recipients[i].Address.Subject = b.Address.Subject
			}
		}
	}
	return n
}

// cleanAddress refuses what can't be an address. Whether somebody reads it, only a mail can tell.
func cleanAddress(field string, a domain.Personal) (domain.Personal, error) {
	s := strings.TrimSpace(a.Text)
	i := strings.LastIndexByte(s, '@')
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>(),;:"`, r)
	}
	if i < 1 || len(s) > MaxAddress || strings.ContainsFunc(s, odd) || strings.Contains(s[:i], "@") || !strings.Contains(strings.Trim(s[i+1:], "."), ".") {
		return a, domain.ErrInvalid.At(field).With("This is not an e-mail address.")
	}
	if err := domain.CheckID(field, string(a.Subject)); err != nil {
		return a, err
	}
	a.Text = s
	return a, domain.Text(field, s, MaxAddress)
}
