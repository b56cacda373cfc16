package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/domain/device"
)

// Bounds of the logs that devices send.
const (
	LogLifetime  = 7 * 24 * time.Hour
	LogsOfDevice = 5 // the oldest goes when another comes
)

// Logs keeps logs that devices have sent. They tell of people, so they are no events, which would stay for ever. It is safe for
// concurrent use.
type Logs struct{ db *pgxpool.Pool }

// NewLogs gives the logs in a database that Migrate has brought up to date. The pool must be allowed to write.
func NewLogs(db *pgxpool.Pool) *Logs { return &Logs{db: db} }

// Log is one that is there.
type Log struct {
	Request device.RequestID
	At      time.Time
	Bytes   int64 // compressed
}

// Keep stores a log that a device of a customer has sent, compressed. One that is there already stays as it is.
func (l *Logs) Keep(ctx context.Context, of domain.Scope, d domain.DeviceID, request device.RequestID, at time.Time, content []byte) error {
	err := pgx.BeginFunc(ctx, l.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO live.device_log (tenant, request, device, customer, at, content)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, of.Tenant, request, d, of.Customer, at, content); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM live.device_log WHERE (tenant, request) IN (
			SELECT tenant, request FROM live.device_log WHERE tenant = $1 AND device = $2 ORDER BY at DESC, request OFFSET $3)`, of.Tenant, d, LogsOfDevice)
		return err
	})
	return logError(err)
}

// List gives the logs of a device that are not too old, newest first, as far as they were sent while it was the customer's.
func (l *Logs) List(ctx context.Context, of domain.Scope, d domain.DeviceID, now time.Time) ([]Log, error) {
	rows, err := l.db.Query(ctx, `SELECT request::text, at, length(content) FROM live.device_log
		WHERE tenant = $1 AND device = $2 AND customer = $3 AND at > $4 ORDER BY at DESC, request`, of.Tenant, d, of.Customer, now.Add(-LogLifetime))
	if err != nil {
		return nil, logError(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Log])
	return list, logError(err)
}

// Open gives a log that List would name. The error is domain.ErrNotFound if there is none, or not any more.
func (l *Logs) Open(ctx context.Context, of domain.Scope, d domain.DeviceID, request device.RequestID, now time.Time) (content []byte, err error) {
	err = l.db.QueryRow(ctx, `SELECT content FROM live.device_log WHERE tenant = $1 AND request::text = $2 AND device = $3 AND customer = $4 AND at > $5`,
		of.Tenant, request, d, of.Customer, now.Add(-LogLifetime)).Scan(&content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, domain.ErrNotFound
	}
	return content, logError(err)
}

// ForgetCustomer drops the logs of a customer's devices: he does not let them be read any more.
func (l *Logs) ForgetCustomer(ctx context.Context, of domain.Scope) error {
	_, err := l.db.Exec(ctx, `DELETE FROM live.device_log WHERE tenant = $1 AND customer = $2`, of.Tenant, of.Customer)
	return logError(err)
}

// ForgetDevice drops the logs of a device that is gone.
func (l *Logs) ForgetDevice(ctx context.Context, t domain.Tenant, d domain.DeviceID) error {
	_, err := l.db.Exec(ctx, `DELETE FROM live.device_log WHERE tenant = $1 AND device = $2`, t, d)
	return logError(err)
}

// Prune drops what is too old.
func (l *Logs) Prune(ctx context.Context, now time.Time) error {
	_, err := l.db.Exec(ctx, `DELETE FROM live.device_log WHERE at <= $1`, now.Add(-LogLifetime))
	return logError(err)
}

func logError(err error) error {
	if err != nil {
		return fmt.Errorf("logs of devices: %w", err)
	}
	return nil
}
