package domain

// Permission is something an actor may do.
type Permission string

// The permissions there are. Each command names one; reading has its own two.
const (
	Read            Permission = "read"             // dashboards, lists, details
	ReadLog         Permission = "log.read"         // the action log
	ManageReseller  Permission = "reseller.manage"  // thresholds and settings of the reseller
	ManageCustomers Permission = "customers.manage" // import and change customers
	ManageLicenses  Permission = "licenses.manage"  // import and renew licenses
	ManageGroups    Permission = "groups.manage"    // the group tree
	ManageDevices   Permission = "devices.manage"   // move, rename, remove, scan, update
	ManageProfiles  Permission = "profiles.manage"  // configuration profiles, and which groups use them
	ManageUsers     Permission = "users.manage"     // invite people, change their roles, take them out
	ManageSelf      Permission = "self.manage"      // one's own profile and read-only link
	GiveConsent     Permission = "consent.give"     // speak for the customer, whom the reseller must not speak for
	ActAsDevice     Permission = "device.report"    // what a device says of itself
	OperatePlatform Permission = "platform.operate" // register resellers, rebuild views
)

// Role is a named set of permissions. A person has one role per organization.
type Role string

// The roles of the portal. Client, System and Operator are held by machines and by who runs the installation.
const (
	ResellerAdmin      Role = "reseller_admin"
	ResellerTechnician Role = "reseller_technician"
	ResellerReadOnly   Role = "reseller_readonly"
	CustomerAdmin      Role = "customer_admin"
	CustomerReadOnly   Role = "customer_readonly"
	Auditor            Role = "auditor"
	Client             Role = "client"
	System             Role = "system"
	Operator           Role = "operator"
)

// Allows reports whether the role holds a permission. An unknown role holds none.
func (r Role) Allows(p Permission) bool {
	switch r {
	case ResellerAdmin:
		return p != OperatePlatform && p != ActAsDevice && p != GiveConsent
	case ResellerTechnician:
		return p == Read || p == ReadLog || p == ManageGroups || p == ManageDevices || p == ManageProfiles || p == ManageSelf
	case ResellerReadOnly, CustomerReadOnly:
		return p == Read || p == ManageSelf
	case CustomerAdmin:
		return p == Read || p == ReadLog || p == ManageGroups || p == ManageDevices || p == ManageProfiles || p == ManageUsers || p == ManageSelf || p == GiveConsent
	case Auditor:
		return p == ReadLog || p == ManageSelf
	case Client:
		return p == ActAsDevice
	case System, Operator:
		return true
	}
	return false
}

// Of reports whether a person may hold the role in an organization: the reseller as a whole, or one of its customers.
func (r Role) Of(customer CustomerID) bool {
	switch r {
	case ResellerAdmin, ResellerTechnician, ResellerReadOnly, Auditor:
		return customer == ""
	case CustomerAdmin, CustomerReadOnly:
		return customer != ""
	}
	return false
}

// MayGive reports whether who holds this role may give or take another: nobody gives more than he has, and only who
// manages users gives any.
func (r Role) MayGive(other Role) bool {
	if !r.Allows(ManageUsers) {
		return false
	}
	switch r {
	case CustomerAdmin:
		return other.Of("any customer")
	case ResellerAdmin, System:
		return other.Of("") || other.Of("any customer")
	}
	return false
}

// DevicePermission is what an action on a device needs: one that the device takes itself, or one that a person takes.
func DevicePermission(byDevice bool) Permission {
	if byDevice {
		return ActAsDevice
	}
	return ManageDevices
}

// ActorKind tells people, devices and the portal itself apart in the action log.
type ActorKind string

// The kinds of actors.
const (
	ActorUser   ActorKind = "user"
	ActorClient ActorKind = "client"
	ActorSystem ActorKind = "system"
)

// Actor is who acts. The id is opaque: nothing here names a person.
type Actor struct {
	Kind       ActorKind
	ID         string
	OnBehalfOf string     // who else, when somebody acts for another
	Role       Role       //
	Tenant     Tenant     // the reseller the actor belongs to; empty for an operator
	Customer   CustomerID // limits the actor to one customer; empty means all of the tenant's
}

// Sees reports whether the scope lies within the actor's reach. Operators reach every tenant.
func (a Actor) Sees(s Scope) bool {
	if a.Role == Operator && a.Tenant == "" {
		return true
	}
	return a.Tenant != "" && a.Tenant == s.Tenant && (a.Customer == "" || a.Customer == s.Customer)
}

// SystemActor is the portal itself, acting in one tenant, for instance a policy.
func SystemActor(name string, t Tenant) Actor {
	return Actor{Kind: ActorSystem, ID: name, Role: System, Tenant: t}
}

// DeviceActor is a client that acts for itself.
func DeviceActor(id DeviceID, s Scope) Actor {
	return Actor{Kind: ActorClient, ID: string(id), Role: Client, Tenant: s.Tenant, Customer: s.Customer}
}
