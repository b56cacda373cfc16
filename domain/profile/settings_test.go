package profile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"avportal/domain"
)

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("/x/%d", i)
	}
	return out
}

func TestEachFieldIsChecked(t *testing.T) {
	own := func(p ...ScanProfile) func(*Settings) { return func(s *Settings) { s.ScanProfiles = p } }
	to := func(r ...Recipient) func(*Settings) { return func(s *Settings) { s.Notifications.Recipients = r } }
	schedule := func(v Schedule) func(*Settings) { return func(s *Settings) { s.Autoscan.Schedule = v } }
	proxy := func(v Proxy) func(*Settings) { return func(s *Settings) { s.Updates.Proxy = v } }
	kinds := []domain.Notice{domain.NoticeVirusFound}
	for _, c := range []struct {
		field string
		spoil func(*Settings)
	}{
		{"/mail/report_incoming", func(s *Settings) { s.Mail.ReportIncoming = "" }},
		{"/mail/report_outgoing", func(s *Settings) { s.Mail.ReportOutgoing = "middle" }},
		{"/autoscan/scan", func(s *Settings) { s.Autoscan.Scan = "mine" }},
		{"/autoscan/schedule/every", schedule(Schedule{Time: "12:00"})},
		{"/autoscan/schedule/weekday", schedule(Schedule{Every: Weekly, Time: "12:00"})},
		{"/autoscan/schedule/weekday", schedule(Schedule{Every: Daily, Weekday: "monday", Time: "12:00"})},
		{"/autoscan/schedule/day", schedule(Schedule{Every: Monthly, Time: "12:00"})},
		{"/autoscan/schedule/day", schedule(Schedule{Every: Monthly, Day: 32, Time: "12:00"})},
		{"/autoscan/schedule/day", schedule(Schedule{Every: Daily, Day: 1, Time: "12:00"})},
		{"/autoscan/schedule/time", schedule(Schedule{Every: Daily, Time: "24:00"})},
		{"/autoscan/schedule/time", schedule(Schedule{Every: Daily, Time: "7:30"})},
		{"/autoscan/schedule/time", schedule(Schedule{Every: Daily, Time: "12:60"})},
		{"/autoscan/schedule/time", schedule(Schedule{Every: Daily, Time: "-1:+1"})},
		{"/scan_profiles", func(s *Settings) { s.ScanProfiles = make([]ScanProfile, MaxScanProfiles+1) }},
		{"/scan_profiles/0/id", own(ScanProfile{ID: QuickScan, Name: "x", Paths: many(1)})},
		{"/scan_profiles/0/name", own(ScanProfile{ID: "a", Paths: many(1)})},
		{"/scan_profiles/1/id", own(ScanProfile{ID: "a", Name: "x", Paths: many(1)}, ScanProfile{ID: "a", Name: "y", Paths: many(1)})},
		{"/scan_profiles/1/name", own(ScanProfile{ID: "a", Name: "Daten", Paths: many(1)}, ScanProfile{ID: "b", Name: "DATEN", Paths: many(1)})},
		{"/scan_profiles/0/paths", own(ScanProfile{ID: "a", Name: "x"})},
		{"/scan_profiles/0/paths", own(ScanProfile{ID: "a", Name: "x", Paths: many(MaxScanPaths + 1)})},
		{"/scan_profiles/0/paths/1", own(ScanProfile{ID: "a", Name: "x", Paths: []string{"/a", "/a"}})},
		{"/updates/proxy/host", proxy(Proxy{Port: 80})},
		{"/updates/proxy/host", proxy(Proxy{Host: "http://proxy", Port: 80})},
		{"/updates/proxy/port", proxy(Proxy{Host: "proxy"})},
		{"/updates/proxy/user", proxy(Proxy{Host: "proxy", Port: 80, Password: "s1"})},
		{"/exclusions/paths/0", func(s *Settings) { s.Exclusions.Paths = []string{" "} }},
		{"/exclusions/paths/0", func(s *Settings) { s.Exclusions.Paths = []string{"/"} }},
		{"/exclusions/paths/1", func(s *Settings) { s.Exclusions.Paths = []string{"/a", `C:\*.*`} }},
		{"/exclusions/paths", func(s *Settings) { s.Exclusions.Paths = many(MaxExclusions + 1) }},
		{"/exclusions/processes/0", func(s *Settings) { s.Exclusions.Processes = []string{strings.Repeat("x", MaxProcess+1)} }},
		{"/exclusions/max_file_mb", func(s *Settings) { s.Exclusions.MaxFileMB = -1 }},
		{"/notifications/recipients", to(make([]Recipient, MaxRecipients+1)...)},
		{"/notifications/recipients/0/address", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "nobody"}, Kinds: kinds, Delivery: Instant})},
		{"/notifications/recipients/0/address", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a b@example.org"}, Kinds: kinds, Delivery: Instant})},
		{"/notifications/recipients/0/address", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a@localhost"}, Kinds: kinds, Delivery: Instant})},
		{"/notifications/recipients/1/address", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a@example.org"}, Kinds: kinds, Delivery: Instant}, Recipient{Address: domain.Personal{Subject: "s1", Text: "A@example.org"}, Kinds: kinds, Delivery: Digest})},
		{"/notifications/recipients/0/kinds", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a@example.org"}, Delivery: Instant})},
		{"/notifications/recipients/0/kinds/1", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a@example.org"}, Kinds: []domain.Notice{domain.NoticeVirusFound, "weather"}, Delivery: Instant})},
		{"/notifications/recipients/0/delivery", to(Recipient{Address: domain.Personal{Subject: "s1", Text: "a@example.org"}, Kinds: kinds, Delivery: "weekly"})},
	} {
		wrong := Defaults()
		c.spoil(&wrong)
		_, err := wrong.clean()
		var refusal *domain.Error
		if !errors.As(err, &refusal) || refusal.Class != domain.Invalid || refusal.Field != c.field {
			t.Errorf("%s is refused with %v at %q", c.field, err, refusal.Field)
		}
	}
}

func everything() Settings {
	s := Defaults()
	s.ScanProfiles = []ScanProfile{{ID: "data", Name: "Daten", Paths: []string{`D:\`, `E:\Akten`}}}
	s.Autoscan = Autoscan{Enabled: true, Scan: "data", Schedule: Schedule{Every: Monthly, Day: 31, Time: "23:30"}}
	s.Updates.Proxy = Proxy{Host: "10.0.0.1", Port: 3128, User: "av", Password: "s1"}
	s.Exclusions = Exclusions{Paths: []string{`C:\SQL`}, Processes: []string{"sqlservr.exe"}, MaxFileMB: 500}
	s.Lock.Password = "s2"
	s.Notifications.Recipients = []Recipient{{Address: domain.Personal{Subject: "s1", Text: "av@example.org"}, Kinds: []domain.Notice{domain.NoticeVirusFound, domain.NoticeOutdated}, Delivery: Digest}}
	return s
}

func TestSettingsThatAreInOrderStayAsTheyAre(t *testing.T) {
	for _, s := range []Settings{Defaults(), everything()} {
		if got, err := s.clean(); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v became %+v, %v", s, got, err)
		}
	}
	s := everything()
	s.Notifications.Recipients[0].Kinds = []domain.Notice{domain.NoticeOutdated, domain.NoticeVirusFound, domain.NoticeOutdated}
	if got, err := s.clean(); err != nil || !reflect.DeepEqual(got.Notifications, everything().Notifications) {
		t.Errorf("kinds in another order: %+v, %v", got.Notifications, err)
	}
	s.Exclusions.Paths = nil
	for i := range MaxExclusions {
		s.Exclusions.Paths = append(s.Exclusions.Paths, fmt.Sprintf("/%d/%s", i, strings.Repeat("x", 1000)))
	}
	if _, err := s.clean(); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("settings without bounds: %v", err)
	}
}

// Each section by itself is a difference, and the difference makes the one of the other.
func TestDifferenceKnowsEachSection(t *testing.T) {
	a, b := Settings{}, everything()
	names, from, to := difference(a, b)
	if len(names) != len(sections) || !reflect.DeepEqual(from, a) || !reflect.DeepEqual(to, b) {
		t.Errorf("%v of %d sections differ", names, len(sections))
	}
	typ := reflect.TypeFor[Settings]()
	if typ.NumField() != len(sections) {
		t.Errorf("the settings have %d sections, difference knows %d", typ.NumField(), len(sections))
	}
	for i := range typ.NumField() {
		one := a
		reflect.ValueOf(&one).Elem().Field(i).Set(reflect.ValueOf(b).Field(i))
		names, from, to := difference(a, one)
		wire, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if len(names) != 1 || string(names[0]) != wire {
			t.Errorf("%s: %v differ", wire, names)
		}
		if !reflect.DeepEqual(a.with(names, to), one) || !reflect.DeepEqual(one.with(names, from), a) {
			t.Errorf("%s: the difference does not lead from one to the other", wire)
		}
	}
}

func TestOwnScan(t *testing.T) {
	s := everything()
	if p, ok := s.OwnScan("data"); !ok || p.Name != "Daten" {
		t.Errorf("got %+v", p)
	}
	if _, ok := s.OwnScan(QuickScan); ok {
		t.Error("quick is not an own scan")
	}
}
