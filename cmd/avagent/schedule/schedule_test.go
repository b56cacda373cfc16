package schedule_test

import (
	"testing"
	"time"

	"avportal/cmd/avagent/schedule"
	"avportal/http/agent/wire"
)

func TestNext(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	daily := wire.Schedule{Every: wire.EveryDay, Time: "12:00"}
	weekly := wire.Schedule{Every: wire.EveryWeek, Weekday: "wednesday", Time: "12:00"}
	monthly := wire.Schedule{Every: wire.EveryMonth, Day: 31, Time: "23:30"}
	for _, c := range []struct {
		s           wire.Schedule
		after, want string
	}{
		{daily, "2026-11-25 11:59", "2026-11-25 12:00"}, {daily, "2026-11-25 12:00", "2026-11-26 12:00"}, {daily, "2026-12-31 13:00", "2027-01-01 12:00"},
		{weekly, "2026-11-25 11:00", "2026-11-25 12:00"}, {weekly, "2026-11-25 12:00", "2026-12-02 12:00"}, {weekly, "2026-11-26 00:00", "2026-12-02 12:00"},
		{monthly, "2026-01-31 23:29", "2026-01-31 23:30"}, {monthly, "2026-01-31 23:30", "2026-02-28 23:30"}, {monthly, "2028-02-01 00:00", "2028-02-29 23:30"},
		{wire.Schedule{Every: wire.EveryMonth, Day: 1, Time: "00:00"}, "2026-01-01 00:00", "2026-02-01 00:00"},
	} {
		got, ok := schedule.Next(c.s, at(c.after))
		if !ok || !got.Equal(at(c.want)) {
			t.Errorf("%+v after %s: %v, %v, want %s", c.s, c.after, got, ok, c.want)
		}
	}
	for _, s := range []wire.Schedule{{}, {Every: "hourly", Time: "12:00"}, {Every: wire.EveryDay, Time: "noon"}, {Every: wire.EveryWeek, Time: "12:00"}, {Every: wire.EveryMonth, Time: "12:00"}} {
		if got, ok := schedule.Next(s, at("2026-01-01 00:00")); ok {
			t.Errorf("%+v is due at %v", s, got)
		}
	}
}
