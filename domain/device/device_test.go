package device

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const (
	tenant = domain.Tenant("00112233445566778899aabbccddeeff")
	dev    = domain.DeviceID("d1")
	main   = domain.GroupID("l1.main")
)

var (
	at       = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	facts    = Facts{Hostname: "PC-1", OS: "windows", IP: "10.0.0.5", EngineVersion: "1.4", SignatureVersion: "27000", SignatureDate: at}
	enrolled = Enrolled{Tenant: tenant, Customer: "c1", License: "l1", Group: main, Device: dev, GUID: "guid-1", Facts: facts}
	removed  = Removed{Device: dev, Customer: "c1", License: "l1", Group: main}
)

func given(t *testing.T, more ...domain.Event) *domaintest.Scenario[State] {
	return domaintest.Given[State](t, append([]domain.Event{enrolled}, more...)...)
}

func TestEnroll(t *testing.T) {
	enroll := Enroll{Tenant: tenant, Customer: "c1", Device: dev, Group: main, GUID: "guid-1", Facts: facts, At: at}
	domaintest.Given[State](t).When(enroll).Then(enrolled).When(enroll).ThenNothing()
	given(t, Moved{FromGroup: main, ToGroup: "l1.lab", ToCustomer: "c1"}).When(enroll).ThenNothing() // it stays where a person put it
	given(t, removed).When(enroll).ThenRefused(ErrRemoved)

	twin, elsewhere, lost, nameless, strange, loud := enroll, enroll, enroll, enroll, enroll, enroll
	twin.GUID, elsewhere.Group, lost.Group, nameless.Device, strange.GUID = "guid-2", "l2.main", "main", "", "guid 1"
	loud.Facts.Hostname = strings.Repeat("x", MaxFact+1)
	given(t).When(twin).ThenRefused(domain.ErrExists)
	given(t).When(elsewhere).ThenRefused(domain.ErrExists)
	domaintest.Given[State](t).When(lost).ThenRefused(domain.ErrInvalid.At("/group"))
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/device"))
	domaintest.Given[State](t).When(strange).ThenRefused(domain.ErrInvalid.At("/guid"))
	domaintest.Given[State](t).When(loud).ThenRefused(domain.ErrInvalid.At("/facts/hostname"))
}

func TestMove(t *testing.T) {
	within := Move{Tenant: tenant, Device: dev, ToGroup: "l1.lab", ToCustomer: "c1", At: at}
	given(t).When(within).Then(Moved{
		Device: dev, FromGroup: main, ToGroup: "l1.lab", FromLicense: "l1", ToLicense: "l1", FromCustomer: "c1", ToCustomer: "c1",
	}).When(within).ThenNothing()

	across := Move{Tenant: tenant, Device: dev, ToGroup: "l2.main", ToCustomer: "c2", At: at}
	moved := Moved{Device: dev, FromGroup: main, ToGroup: "l2.main", FromLicense: "l1", ToLicense: "l2", FromCustomer: "c1", ToCustomer: "c2"}
	given(t).When(across).Then(moved)
	if s := domaintest.Fold[State](enrolled, moved); s.Scope().Customer != "c2" || s.License() != "l2" || s.Group() != "l2.main" {
		t.Errorf("after the move it is at %+v of %s", s.Scope(), s.License())
	}

	given(t).When(Move{Tenant: tenant, Device: dev, ToGroup: "l1.lab", ToCustomer: "c2", At: at}).ThenRefused(domain.ErrInvalid.At("/customer"))
	given(t).When(Move{Tenant: tenant, Device: dev, ToGroup: "lab", ToCustomer: "c1", At: at}).ThenRefused(domain.ErrInvalid.At("/group"))
}

func TestRelabel(t *testing.T) {
	relabel := Relabel{Tenant: tenant, Device: dev, Label: " Empfang ", At: at}
	given(t).When(relabel).Then(Relabeled{Device: dev, To: "Empfang"}).
		When(relabel).ThenNothing()
	given(t, Relabeled{To: "Empfang"}).When(Relabel{Tenant: tenant, Device: dev, At: at}).Then(Relabeled{Device: dev, From: "Empfang"})
	given(t).When(Relabel{Tenant: tenant, Device: dev, Label: strings.Repeat("x", 101), At: at}).ThenRefused(domain.ErrInvalid.At("/label"))
}

func TestRemove(t *testing.T) {
	remove := Remove{Tenant: tenant, Device: dev, Reason: "scrapped", At: at}
	gone := removed
	gone.Reason = "scrapped"
	given(t).When(remove).Then(gone).When(remove).ThenNothing()
	given(t, scanRequested("r1"), updateRequested("r2")).When(remove).Then(
		RequestAborted{Device: dev, Request: "r1", Kind: Scan, Reason: AbortedByRemoval},
		RequestAborted{Device: dev, Request: "r2", Kind: Update, Reason: AbortedByRemoval},
		gone,
	)
	given(t).When(Remove{Tenant: tenant, Device: dev, Reason: "a\x00b", At: at}).ThenRefused(domain.ErrInvalid.At("/reason"))
	domaintest.Given[State](t).When(remove).ThenRefused(domain.ErrNotFound)
	if (Remove{ByDevice: true}).Needs() != domain.ActAsDevice || (Remove{}).Needs() != domain.ManageDevices {
		t.Error("an uninstalled client speaks for itself, a person needs the right to manage devices")
	}
}

func TestNothingIsDoneToADeviceThatIsNotThere(t *testing.T) {
	for _, c := range []domain.Command[State]{
		Move{Tenant: tenant, Device: dev, ToGroup: "l1.lab", ToCustomer: "c1", At: at},
		Relabel{Tenant: tenant, Device: dev, Label: "x", At: at},
		Report{Tenant: tenant, Device: dev, At: at},
		scan("r1"), RequestUpdate{Tenant: tenant, Device: dev, Request: "r1", At: at}, askProfile("r1", 1),
		MarkSent{Tenant: tenant, Device: dev, Request: "r1", At: at},
		MarkStarted{Tenant: tenant, Device: dev, Request: "r1", At: at},
		Complete{Tenant: tenant, Device: dev, Request: "r1", At: at},
		Cancel{Tenant: tenant, Device: dev, Request: "r1", At: at},
		Expire{Tenant: tenant, Device: dev, At: at},
	} {
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrNotFound)
		given(t, removed).When(c).ThenRefused(ErrRemoved)
	}
}

func TestWhatAnExpiredLicenseStillAllows(t *testing.T) {
	for _, c := range []any{Report{}, MarkSent{}, MarkStarted{}, Complete{}, Remove{}, Expire{}, Observe{}} {
		if _, ok := c.(domain.AllowedWhenExpired); !ok {
			t.Errorf("%T is refused", c)
		}
	}
	for _, c := range []any{Move{}, Relabel{}, RequestScan{}, RequestUpdate{}, RequestProfile{}, Cancel{}} {
		if _, ok := c.(domain.AllowedWhenExpired); ok {
			t.Errorf("%T is allowed", c)
		}
	}
	var _ domain.Licensed = State{}
	if (State{}).License() != "" || (State{}).Scope() != (domain.Scope{}) {
		t.Error("an empty stream belongs to nobody")
	}
}

// There are a million of these in one process.
func TestPlainDevicesAreSmallInMemory(t *testing.T) {
	const n = 20_000
	states := make([]State, n)
	before := heap()
	for i := range states {
		e := enrolled // decoded events share nothing, so neither may these
		e.Tenant, e.Customer = domain.Tenant(strings.Clone(string(tenant))), domain.CustomerID(strings.Clone("0d3b6c62-6d3e-4fd2-9e0f-0f6a3f2c1b11"))
		e.Group = domain.GroupID(strings.Clone("0d3b6c62-6d3e-4fd2-9e0f-0f6a3f2c1b11.0d3b6c62-6d3e-4fd2-9e0f-0f6a3f2c1b12"))
		states[i] = State{}.Evolve(e).Evolve(Relabeled{To: strings.Clone("Empfang, zweiter Stock")}).Evolve(GuardsChanged{To: Guards{Engine: On}})
	}
	per := int64(heap()-before)/n + int64(unsafe.Sizeof(State{}))
	t.Logf("%d bytes per plain device with a designation", per)
	if per > 96 {
		t.Errorf("a plain device takes %d bytes", per)
	}
	if n := unsafe.Sizeof(State{}); n > 32 {
		t.Errorf("the state that every device has takes %d bytes", n)
	}
	runtime.KeepAlive(states)
}

func TestWhatDevicesHaveInCommonChangesForOneOnly(t *testing.T) {
	applied := ProfileApplied{Device: dev, To: Configuration{"p1", 2}}
	moved := Moved{Device: dev, FromGroup: main, ToGroup: "l1.lab", ToCustomer: "c1"}
	stays := domaintest.Fold[State](enrolled, applied)
	for _, moves := range []State{stays.Evolve(moved), domaintest.Fold[State](enrolled, moved, applied)} {
		if moves.Applied() != applied.To || moves.Group() != "l1.lab" || moves.Scope() != stays.Scope() {
			t.Errorf("moved it is in %s of %+v, set by %+v", moves.Group(), moves.Scope(), moves.Applied())
		}
	}
	if stays.Group() != main || stays.Applied() != applied.To {
		t.Errorf("the one that stays is in %s, set by %+v", stays.Group(), stays.Applied())
	}
}

func TestADesignationOutlastsWhatOccupiesADevice(t *testing.T) {
	named := domaintest.Fold[State](enrolled, Relabeled{To: "Empfang"})
	busy := named.Evolve(found("t1", 1)).Evolve(scanRequested("r1"))
	if busy.Label() != "Empfang" || busy.Evolve(removed).Label() != "Empfang" || busy.Evolve(removed).OpenThreats() != 0 {
		t.Error("the designation is lost, or the threat is not")
	}
	if renamed := busy.Evolve(Relabeled{To: "Labor"}); renamed.Label() != "Labor" || !renamed.HasThreat("t1") || len(renamed.Pending()) != 1 {
		t.Error("another designation has changed more than that")
	}
	if plain := named.Evolve(Relabeled{From: "Empfang"}); plain.own != nil {
		t.Error("a device that has nothing of its own keeps memory for it")
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
