package license

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
)

// seats is the plain model: a set, a number and an end.
type seats struct {
	state State
	held  map[domain.DeviceID]bool
	seats int
	until time.Time
	now   time.Time
}

func (m *seats) do(t *rapid.T, c domain.Command[State], want error) (changed bool) {
	events, err := c.Decide(m.state)
	if !errors.Is(err, want) {
		t.Fatalf("%+v: %v, want %v", c, err, want)
	}
	for _, e := range events {
		m.state = m.state.Evolve(e)
	}
	return len(events) > 0
}

// Whatever people and devices do in whatever order, seats are never exceeded and nobody acts on an expired license.
func TestSeatsAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &seats{state: State{}.Evolve(imported), held: map[domain.DeviceID]bool{}, seats: 2, until: end, now: at}
		device := rapid.SampledFrom([]domain.DeviceID{"a", "b", "c", "d", "e"})
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "days")) * 24 * time.Hour)
			},
			"activate": func(t *rapid.T) {
				d := device.Draw(t, "device")
				var want error
				switch {
				case m.held[d]:
				case !m.now.Before(m.until):
					want = domain.ErrLicenseExpired
				case len(m.held) >= m.seats:
					want = ErrNoSeats
				default:
					defer func() { m.held[d] = true }()
				}
				if changed := m.do(t, activate(d, m.now), want); changed != (want == nil && !m.held[d]) {
					t.Fatalf("activate %s: changed is %v", d, changed)
				}
			},
			"release": func(t *rapid.T) {
				d := device.Draw(t, "device")
				if changed := m.do(t, Release{Tenant: tenant, License: lic, Device: d, At: m.now}, nil); changed != m.held[d] {
					t.Fatalf("release %s: changed is %v", d, changed)
				}
				delete(m.held, d)
			},
			"change seats": func(t *rapid.T) {
				n := rapid.IntRange(0, 6).Draw(t, "seats")
				var want error
				switch {
				case !m.now.Before(m.until):
					want = domain.ErrLicenseExpired
				case n == m.seats:
				case n == 0:
					want = domain.ErrInvalid
				case n < len(m.held):
					want = ErrSeatsInUse
				}
				m.do(t, ChangeSeats{Tenant: tenant, License: lic, Seats: n, At: m.now}, want)
				if want == nil {
					m.seats = n
				}
			},
			"renew": func(t *rapid.T) {
				until := m.until.AddDate(0, rapid.IntRange(-6, 24).Draw(t, "months"), 0)
				var want error
				if until.Before(m.until) {
					want = ErrNotForward
				}
				m.do(t, Renew{Tenant: tenant, License: lic, TermYears: 1, ValidUntil: until, At: m.now}, want)
				if want == nil {
					m.until = until
				}
			},
			"": func(t *rapid.T) {
				if m.state.Used() != len(m.held) || m.state.Used() > m.state.Seats() || m.state.Seats() != m.seats {
					t.Fatalf("%d of %d seats used; the model has %d of %d", m.state.Used(), m.state.Seats(), len(m.held), m.seats)
				}
				if m.state.ExpiredAt(m.now) != !m.now.Before(m.until) {
					t.Fatal("the license and the model do not agree on its end")
				}
				for _, d := range []domain.DeviceID{"a", "b", "c", "d", "e"} {
					if m.state.Holds(d) != m.held[d] {
						t.Fatalf("does %s have a seat? %v", d, m.state.Holds(d))
					}
				}
			},
		})
	})
}
