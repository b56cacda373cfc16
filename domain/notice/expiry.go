package notice

import "time"

const day = 24 * time.Hour

// ExpiryStep is the last of the steps before the end of a license that has been reached, in days before it, and when it was: the
// reseller's own, and of 90, 30, 7 and 1 those that come after it. The license must be about to expire.
func ExpiryStep(until, now time.Time, expiringDays int) (days int, reached time.Time) {
	days = expiringDays
	for _, step := range []int{90, 30, 7, 1} {
		if step < days && !now.Before(until.Add(-time.Duration(step)*day)) {
			days = step
		}
	}
	return days, until.Add(-time.Duration(days) * day)
}
