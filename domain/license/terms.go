package license

import (
	"time"

	"avportal/domain"
)

// MaxSeats bounds the size of one license.
const MaxSeats = 1_000_000

// checkTerms refuses what can't be a license. An MSP license may lack both term and end.
func checkTerms(kind Kind, termYears int, from, until time.Time) error {
	switch kind {
	case Purchase:
		if err := checkTermYears(termYears); err != nil {
			return err
		}
		if until.IsZero() {
			return domain.ErrInvalid.At("/valid_until").With("A purchased license needs an end.")
		}
	case MSP:
		if termYears != 0 {
			return domain.ErrInvalid.At("/term_years").With("An MSP license has no term.")
		}
	default:
		return domain.ErrInvalid.At("/kind").With(`The kinds of licenses are "purchase" and "msp".`)
	}
	if from.IsZero() {
		return domain.ErrInvalid.At("/valid_from").With("A license needs a beginning.")
	}
	if !until.IsZero() && !until.After(from) {
		return domain.ErrInvalid.At("/valid_until").With("The end must be after the beginning.")
	}
	return nil
}

func checkTermYears(years int) error {
	switch years {
	case 1, 2, 3, 5:
		return nil
	}
	return domain.ErrInvalid.At("/term_years").With("The terms are 1, 2, 3 and 5 years.")
}

// checkSeats refuses numbers that make no sense for the kind, and fewer seats than are in use.
func checkSeats(kind Kind, seats, used int) error {
	least := 1
	if kind == MSP {
		least = 0
	}
	if seats < least || seats > MaxSeats {
		return domain.ErrInvalid.At("/seats").With("The seats must be between %d and %d.", least, MaxSeats)
	}
	if kind == Purchase && seats < used {
		return ErrSeatsInUse.With("%d seats are in use. Remove devices before you set the license to %d.", used, seats)
	}
	return nil
}

// forward reports whether a validity that ends at "to" goes further than one that ends at "from"; zero has no end.
func forward(from, to time.Time) bool { return !from.IsZero() && (to.IsZero() || to.After(from)) }

// instant keeps a zero time zero.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return domain.Instant(t)
}
