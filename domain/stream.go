package domain

import (
	"bytes"
	"fmt"
)

// Tenant is a reseller: a UUID without dashes, 32 lower-case hex digits. It is the category of all its streams.
type Tenant string

// Valid reports whether t has the form of a tenant.
func (t Tenant) Valid() bool {
	if len(t) != 32 {
		return false
	}
	for i := range len(t) {
		if c := t[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Kind is the kind of an aggregate, as it stands in stream names. Kinds have no dash in them.
type Kind string

// The kinds of streams there are.
const (
	KindReseller Kind = "reseller"
	KindCustomer Kind = "customer"
	KindLicense  Kind = "license"
	KindGroup    Kind = "group" // one tree per license
	KindDevice   Kind = "device"
	KindProfile  Kind = "profile"
	KindJob      Kind = "job"
	KindUser     Kind = "user"
	KindTeam     Kind = "team"    // who administers a reseller
	KindToken    Kind = "token"   // of the API
	KindSession  Kind = "session" // of a person, or an attempt to begin one
	KindSync     Kind = "sync"    // with the Reseller Portal
	KindNotice   Kind = "notice"  // what people are told without asking
	KindMail     Kind = "mail"    // a message that the portal sends
	KindWebhook  Kind = "webhook" // of a reseller, all in one
	KindView     Kind = "view"    // of the platform itself
)

// Stream names the history of one aggregate: "<tenant>-<kind>-<id>". EventStoreDB's category is what stands before
// the first dash, so "$ce-<tenant>" is the tenant's whole history: the action log.
//
// Telemetry streams, "<tenant>.telemetry-<kind>-<id>", keep facts that merely change out of that category.
type Stream struct {
	Tenant    Tenant
	Kind      Kind
	ID        string
	Telemetry bool
}

const telemetrySuffix = ".telemetry"

// Category is the part before the first dash.
func (s Stream) Category() string {
	if s.Telemetry {
		return string(s.Tenant) + telemetrySuffix
	}
	return string(s.Tenant)
}

func (s Stream) String() string { return s.Category() + "-" + string(s.Kind) + "-" + s.ID }

// ParseStream is the inverse of Stream.String. Streams that are not ours (system streams, say) are an error. What it returns shares
// no memory with the name, and tenants and kinds are in memory once: models keep the id of each aggregate, and no more of it.
func ParseStream[Name string | []byte](name Name) (Stream, error) {
	category, rest, ok := bytes.Cut([]byte(name), dash)
	kind, id, ok2 := bytes.Cut(rest, dash)
	tenant, telemetry := bytes.CutSuffix(category, []byte(telemetrySuffix))
	if ok && ok2 && len(kind) > 0 && len(id) > 0 {
		if s := (Stream{Tenant(shared.string(tenant)), Kind(shared.string(kind)), string(id), telemetry}); s.Tenant.Valid() {
			return s, nil
		}
	}
	return Stream{}, fmt.Errorf("stream %q is not of the form <tenant>-<kind>-<id>", name)
}

var dash = []byte("-")
