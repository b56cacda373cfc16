package devices

import (
	"math"
	"time"
)

// second is a moment in four bytes: seconds since 2000. Nobody wants to know it more exactly when a device was scanned.
type second int32

const (
	never   second = math.MinInt32 // the zero time; before all others
	epoch2k        = 946_684_800   // 2000-01-01, in seconds since 1970
)

// enrolledAt is the column of device d as a timestamptz.
const enrolledAt = "to_timestamp(946684800.0 + d.enrolled_at)"

// secondOf is the second in which a moment lies. A device's clock may say anything: what is before 1932 or after 2067 becomes that.
func secondOf(t time.Time) second {
	if t.IsZero() {
		return never
	}
	return second(min(max(t.Unix()-epoch2k, math.MinInt32+1), math.MaxInt32)) //nolint:gosec // bounded
}

func (s second) time() time.Time {
	if s == never {
		return time.Time{}
	}
	return time.Unix(int64(s)+epoch2k, 0).UTC()
}
