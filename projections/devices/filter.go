package devices

import (
	"slices"
	"time"

	"avportal/domain/device"
	"avportal/projections/sqltext"
	"avportal/projections/states"
)

// What changes often stands in no index of devices. The few in such a state are found by narrow tables that hold only them.
const (
	inInfection = "EXISTS (SELECT FROM infection i WHERE i.tenant = d.tenant AND i.device = d.device)"
	inUnguarded = "EXISTS (SELECT FROM unguarded u WHERE u.tenant = d.tenant AND u.device = d.device)"
	inRequest   = "EXISTS (SELECT FROM request r WHERE r.tenant = d.tenant AND r.device = d.device AND r.phase < 3)"
)

const joinSeen = " JOIN last_seen s ON s.tenant = d.tenant AND s.device = d.device"

// needsSeen reports whether a condition looks at last_seen.
func (f Filter) needsSeen() bool { return len(f.Contact) > 0 }

// narrows reports whether a condition looks at devices themselves, not only at where they stand.
func (f Filter) narrows() bool {
	return f.limitsPlatforms() || f.Infected != nil || f.Pending != nil || f.Search != "" || len(f.Protection)+len(f.Signatures)+len(f.Contact) > 0
}

// conditions turns a filter, apart from its places, into SQL about device d. It answers what has to be joined.
func (f Filter) conditions(s *sqltext.Statement, c states.Cutoffs, p platforms) (join string) {
	if f.Infected != nil {
		s.And(map[bool]string{true: "d.threats > 0 AND " + inInfection, false: "d.threats = 0"}[*f.Infected])
	}
	if f.Pending != nil {
		s.And(map[bool]string{true: "d.pending > 0 AND " + inRequest, false: "d.pending = 0"}[*f.Pending])
	}
	sqltext.AnyOf(s, f.Protection, protectionCondition)
	if len(f.Protection) > 0 && !slices.Contains(f.Protection, device.Green) {
		s.And(inUnguarded)
	}
	if len(f.Signatures) > 0 {
		signatureConditions(s, f.Signatures, c)
	}
	if len(f.Contact) > 0 {
		s.And(sqltext.Ranges(s, "s.at", f.Contact,
			[]states.Contact{states.Stale, states.Silent, states.Offline, states.Online},
			[]time.Time{c.StaleBefore, c.SilentBefore, c.OfflineBefore}))
	}
	if f.limitsPlatforms() {
		s.And("d.platform = ANY(?)", p.allowed)
	}
	if f.Search != "" {
		const found = "(d.hostname || ' ' || d.label || ' ' || d.ip) ILIKE ?" // as in the index device_search
		if pattern := sqltext.Contains(f.Search); len(p.searched) == 0 {
			s.And(found, pattern)
		} else {
			s.And("("+found+" OR d.platform = ANY(?))", pattern, p.searched)
		}
	}
	if f.needsSeen() {
		s.And("s.tenant = d.tenant")
		return joinSeen
	}
	return ""
}

// signatureConditions limits dates, and their days, since the index is one of days.
func signatureConditions(s *sqltext.Statement, wanted []states.Signatures, c states.Cutoffs) {
	all := []states.Signatures{states.SignaturesUnknown, states.SignaturesCritical, states.SignaturesOutdated, states.SignaturesWarning, states.SignaturesCurrent}
	bounds := []time.Time{known(), c.Critical, c.Outdated, c.Warning}
	s.And(sqltext.Ranges(s, "d.signature_date", wanted, all, bounds))
	oldest, newest := len(all), -1
	for i, state := range all {
		if slices.Contains(wanted, state) {
			oldest, newest = min(oldest, i), i
		}
	}
	if oldest > 0 && oldest < len(all) {
		s.And("d.signature_day >= ?", dayOf(bounds[oldest-1]))
	}
	if newest >= 0 && newest < len(bounds) {
		s.And("d.signature_day <= ?", dayOf(bounds[newest]))
	}
}

// protectionCondition looks at the bits of guards: the lower six are those that are on.
func protectionCondition(p device.Protection) string {
	switch p {
	case device.Green:
		return "d.guards BETWEEN 1 AND 63"
	case device.Yellow:
		return "(d.guards > 63 AND d.guards & 63 > 0)"
	case device.Red:
		return "(d.guards > 63 AND d.guards & 63 = 0)"
	case device.Unknown:
		return "d.guards = 0"
	}
	return "false"
}

// protectionRank orders colours from good to bad.
const protectionRank = `(CASE WHEN d.guards BETWEEN 1 AND 63 THEN 0 WHEN d.guards = 0 THEN 1 WHEN d.guards & 63 > 0 THEN 2 ELSE 3 END)::bigint`

// known is after the zero time, which stands for a date that is not known, and before every other.
func known() time.Time { return time.Unix(0, 0).UTC() }
