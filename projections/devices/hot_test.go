package devices

import (
	"testing"

	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
)

// What changes several times a day must not stand in an index or in the condition of one: such an update would write to all indexes.
func TestWhatChangesOftenStandsInNoIndex(t *testing.T) {
	s := fleettest.Serve(t, []projections.View{View}, oneDevice())
	often := []string{"signature_date", "last_scan_at", "guards", "threats", "pending", "last_scan_outcome", "signature_version"}
	var indexed []string
	err := s.Admin.QueryRow(t.Context(), `SELECT array_agg(DISTINCT a.attname::text || ' in ' || d.refobjid) FROM pg_index i
		JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
		JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE i.indrelid = 'devices.device'::regclass AND a.attname = ANY($1)`, often).Scan(&indexed)
	if err != nil || len(indexed) > 0 {
		t.Errorf("indexes hold %v, %v", indexed, err)
	}
}

// Given a device, when its guards change, then it is among those that are not green exactly while it is not.
func TestDevicesThatAreNotGreen(t *testing.T) {
	all, off := device.Guards{Engine: device.On, Realtime: device.On}, device.Guards{Engine: device.On, Realtime: device.Off}
	for name, c := range map[string]struct {
		guards []device.Guards
		want   map[device.Protection]int
	}{
		"nothing is known":         {nil, map[device.Protection]int{device.Unknown: 1}},
		"all are on":               {[]device.Guards{all}, map[device.Protection]int{device.Green: 1}},
		"one was switched off":     {[]device.Guards{all, off}, map[device.Protection]int{device.Yellow: 1}},
		"and on again":             {[]device.Guards{all, off, all}, map[device.Protection]int{device.Green: 1}},
		"and then all of them off": {[]device.Guards{all, off, {Engine: device.Off}}, map[device.Protection]int{device.Red: 1}},
	} {
		f := oneDevice()
		var before device.Guards
		for _, g := range c.guards {
			f.Tell("d1", device.GuardsChanged{Device: "d1", From: before, To: g})
			before = g
		}
		s := fleettest.Serve(t, []projections.View{View}, f)
		for _, p := range []device.Protection{device.Green, device.Yellow, device.Red, device.Unknown} {
			list, err := List(t.Context(), s.Readers, f.Scope(), now(), Filter{Protection: []device.Protection{p}}, page.Paging{})
			if err != nil || len(list.Items) != c.want[p] {
				t.Errorf("%s: %d devices are %s, want %d; %v", name, len(list.Items), p, c.want[p], err)
			}
		}
	}
}
