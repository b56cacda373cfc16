package users

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
)

// Lapsed is an invitation that nobody accepted in time.
type Lapsed struct {
	Tenant   domain.Tenant
	User     domain.UserID
	Customer domain.CustomerID // empty: the reseller as a whole
	Until    time.Time
}

// FindLapsed lists the invitations of all tenants that expired after one moment and up to another. It is for the portal's own clock,
// not for people.
func FindLapsed(ctx context.Context, db projections.Querier, after, upTo time.Time) ([]Lapsed, error) {
	rows, err := db.Query(ctx, `SELECT replace(tenant::text, '-', ''), user_id, customer, expires_at FROM member
		WHERE expires_at > $1::timestamptz AND expires_at <= $2::timestamptz AND accepted_at < '0001-01-02 00:00:00Z' AND NOT inactive AND NOT erased`,
		after.UTC(), upTo.UTC())
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lapsed, err error) {
		err = row.Scan(&l.Tenant, &l.User, &l.Customer, &l.Until)
		l.Until = l.Until.UTC()
		return l, err
	})
}
