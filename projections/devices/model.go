package devices

import (
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/states"
)

// Device is one device as the portal shows it. Times are UTC; a zero time means never or not known.
type Device struct {
	ID       domain.DeviceID
	Hostname string
	Label    string // the custom designation

	Customer     domain.CustomerID
	CustomerName string
	License      domain.LicenseID
	LicenseName  string
	ValidUntil   time.Time // of the license; zero: no end
	Validity     states.Validity
	Group        domain.GroupID
	GroupName    string

	IP            string // as the device tells it
	Domain        string
	OS            string
	OSVersion     string
	Arch          string
	ClientVersion string
	Engine        string
	EngineVersion string

	SignatureVersion string
	SignatureDate    time.Time
	Signatures       states.Signatures

	Guards     device.Guards
	Protection device.Protection
	Threats    int // open ones

	LastScanAt      time.Time // by the device's clock
	LastScanOutcome string    // completed, aborted, failed or unknown; empty if there was none
	EnrolledAt      time.Time
	LastSeen        time.Time // zero: not since it was enrolled
	Contact         states.Contact

	// Pending is the number of requests that have not ended; PendingKind and PendingState are those of the oldest.
	Pending      int
	PendingKind  device.RequestKind
	PendingState device.RequestState
}

// Page is one page of a list. Next is the cursor of the page after it, empty if there is none.
type Page struct {
	Items []Device
	Next  string
}

// Sort is what the list of devices can be ordered by.
type Sort string

// The orders there are. What is equal is ordered by host name. Host name, last seen, signature date and threats follow indexes and
// cost the same at any depth; the others sort all devices that the filter leaves, for each page.
const (
	ByHostname      Sort = "hostname" // as in a German dictionary, as all texts; the default
	ByLabel         Sort = "label"
	ByCustomer      Sort = "customer"
	ByLicense       Sort = "license"
	ByGroup         Sort = "group"
	ByIP            Sort = "ip"
	ByOS            Sort = "os"
	ByClientVersion Sort = "client_version"
	BySignature     Sort = "signature_date"
	ByProtection    Sort = "protection" // from good to bad: green, unknown, yellow, red
	ByThreats       Sort = "threats"
	ByLastScan      Sort = "last_scan"
	ByLastSeen      Sort = "last_seen"
	ByEnrolledAt    Sort = "enrolled_at"
	ByPending       Sort = "pending"
)

// Filter narrows the list of devices. The zero value shows all. Conditions are joined by "and", the values of one by "or".
type Filter struct {
	Customer  domain.CustomerID
	License   domain.LicenseID
	Group     domain.GroupID
	Subgroups bool // what stands in groups below Group as well

	Infected      *bool
	Pending       *bool // has requests that have not ended
	Protection    []device.Protection
	Signatures    []states.Signatures
	Contact       []states.Contact
	Validity      []states.Validity // of the license
	OS            []string
	Arch          []string
	ClientVersion []string
	Search        string // a part of host name, label, address or domain, in any case

	Sort       Sort // empty means ByHostname
	Descending bool
}
