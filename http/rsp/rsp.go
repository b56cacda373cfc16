// Package rsp speaks to the Reseller Portal (RSP), in which resellers, their people, customers and licenses are born: it signs
// people in by OpenID Connect, and takes customers and licenses over from there. docs/reseller-portal.md says what a
// Reseller Portal must offer.
package rsp

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
)

// Config says which Reseller Portal it is.
type Config struct {
	Issuer       string // of OpenID Connect; its discovery document is below it
	ClientID     string
	ClientSecret string
	API          string // where /user, /accounts and /licenses are
}

// Configured reports whether there is a Reseller Portal at all.
func (c Config) Configured() bool { return c.Issuer != "" }

// Scopes are the three permissions that a person is asked for, and what OpenID Connect itself needs: that he is named, and
// that customers and licenses can be read every day, not only while he sits there.
var Scopes = []string{"openid", "offline_access", "user", "accounts", "licenses"}

// User is a person of a reseller.
type User struct {
	ID         string   `json:"id"`
	Salutation string   `json:"salutation"` // "mr", "mrs" or empty
	GivenName  string   `json:"given_name"`
	FamilyName string   `json:"family_name"`
	Email      string   `json:"email"`
	Language   string   `json:"language"` // "de" or "en"
	Role       string   `json:"role"`     // "reseller", "reseller_technology" or "reseller_readonly"
	Reseller   Reseller `json:"reseller"`
}

// Reseller is the company that a person works for.
type Reseller struct {
	ID   string `json:"id"` // a UUID, which is the tenant, or any other text
	Name string `json:"name"`
}

// Account is a customer of the reseller.
type Account struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Name   string `json:"name"`
}

// License is one of a customer's.
type License struct {
	ID         string    `json:"id"`
	Account    string    `json:"account"`
	Name       string    `json:"name"`
	Kind       string    `json:"kind"` // "purchase" or "msp"
	Seats      int       `json:"seats"`
	TermYears  int       `json:"term_years,omitempty"`
	ValidFrom  time.Time `json:"valid_from"`
	ValidUntil time.Time `json:"valid_until,omitzero"` // the first instant at which it no longer holds
}

// Refusals that people can do something about.
var (
	ErrNotConfigured = &domain.Error{Class: domain.Conflict, Code: "no_reseller_portal", Message: "No Reseller Portal is configured."}
	ErrNotConnected  = &domain.Error{Class: domain.Conflict, Code: "reseller_portal_not_connected", Message: "The Reseller Portal has not been authorized, or no longer is. Sign in through it once."}
	ErrNotListed     = &domain.Error{Class: domain.Conflict, Code: "not_in_reseller_portal", Message: "The Reseller Portal does not list this license."}
	ErrUnavailable   = &domain.Error{Class: domain.Unavailable, Code: "reseller_portal_unavailable", Message: "The Reseller Portal can't be reached right now. Repeat in a moment."}
	ErrRunning       = &domain.Error{Class: domain.Conflict, Code: "sync_running", Message: "A synchronization is under way already."}
)

// errRefused says that the Reseller Portal does not accept a grant any more.
var errRefused = errors.New("rsp: the grant is refused")

// space is where ids of ours come from that stand for ids of the Reseller Portal.
var space = uuid.MustParse("6b1c8f5e-9f0f-4f6e-8a1e-6f3b1f2d9c70")

// TenantOf is the tenant that a reseller is.
func TenantOf(issuer string, r Reseller) domain.Tenant {
	id, err := uuid.Parse(r.ID)
	if err != nil {
		id = uuid.NewSHA1(space, []byte("reseller "+issuer+" "+r.ID))
	}
	return domain.Tenant(strings.ReplaceAll(id.String(), "-", ""))
}

// PersonOf is the person that somebody of the Reseller Portal is.
func PersonOf(issuer, subject string) domain.PersonID {
	if id, err := uuid.Parse(subject); err == nil {
		return domain.PersonID(id.String())
	}
	return domain.PersonID(uuid.NewSHA1(space, []byte("person "+issuer+" "+subject)).String())
}

// MemberOf is the membership that a person of the Reseller Portal has of his reseller.
func MemberOf(t domain.Tenant, p domain.PersonID) domain.UserID {
	return domain.UserID(idFor(t, "member "+string(p)).String())
}

// RoleOf is the role that a person has here. What is not known gets the least.
func RoleOf(role string) domain.Role {
	switch role {
	case "reseller":
		return domain.ResellerAdmin
	case "reseller_technology":
		return domain.ResellerTechnician
	}
	return domain.ResellerReadOnly
}

// idOf is an id of the Reseller Portal as one of ours: itself, if it can be one.
func idOf(tenant domain.Tenant, kind, id string) string {
	if domain.CheckID("", id) == nil {
		return id
	}
	return uuid.NewSHA1(space, []byte(kind+" "+string(tenant)+" "+id)).String()
}
