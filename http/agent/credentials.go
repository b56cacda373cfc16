package agent

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/http/agent/wire"
)

// Credentials keeps the hash of each device's secret, in schema vault: never in the log, not rebuildable, backed up apart.
// A device's secret never changes, and removing the device is found out from its own stream, so what was read once may
// be trusted for good. That also lets devices report while Postgres is away.
type Credentials struct {
	db    *pgxpool.Pool
	known *lru.Cache[domain.DeviceID, credential]
}

type credential struct {
	tenant domain.Tenant
	hash   [64]byte // lower-case hex SHA-256
}

// knownDevices bounds the credentials in memory, about 250 bytes each.
const knownDevices = 200_000

const credentialSchema = `
CREATE SCHEMA IF NOT EXISTS vault;
CREATE TABLE IF NOT EXISTS vault.device_credential (
	device      text PRIMARY KEY,
	tenant      text NOT NULL,
	secret_hash text NOT NULL,
	created     timestamptz NOT NULL DEFAULT now()
)`

// NewCredentials makes the table if it is not there yet.
func NewCredentials(ctx context.Context, db *pgxpool.Pool) (*Credentials, error) {
	if _, err := db.Exec(ctx, credentialSchema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	known, err := lru.New[domain.DeviceID, credential](knownDevices)
	return &Credentials{db: db, known: known}, err
}

// errOtherSecret says that a device is known with another secret.
var errOtherSecret = errors.New("the device has another secret")

// Put stores a device's hash. Repeating it is harmless; another hash for the same device is errOtherSecret.
func (c *Credentials) Put(ctx context.Context, device domain.DeviceID, tenant domain.Tenant, hash string) error {
	var stored string
	err := c.db.QueryRow(ctx, `
		WITH put AS (
			INSERT INTO vault.device_credential (device, tenant, secret_hash) VALUES ($1, $2, $3)
			ON CONFLICT (device) DO NOTHING RETURNING secret_hash)
		SELECT secret_hash FROM put
		UNION ALL SELECT secret_hash FROM vault.device_credential WHERE device = $1
		LIMIT 1`, device, tenant, hash).Scan(&stored)
	if err == nil && stored != hash {
		return errOtherSecret
	}
	return err
}

// hashOf is the stored hash of a device's secret; found is false for an unknown device.
func (c *Credentials) hashOf(ctx context.Context, device domain.DeviceID) (stored credential, found bool, err error) {
	if stored, found = c.known.Get(device); found {
		return stored, true, nil
	}
	var hash string
	err = c.db.QueryRow(ctx, `SELECT tenant, secret_hash FROM vault.device_credential WHERE device = $1`, device).
		Scan(&stored.tenant, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return credential{}, false, nil
	}
	if err != nil {
		return credential{}, false, err
	}
	copy(stored.hash[:], hash)
	c.known.Add(device, stored)
	return stored, true, nil
}

// Authenticate tells which device shows the credential and in which tenant it is. wire.ErrCredential means
// that it is nobody's; any other error that it could not be found out.
func (c *Credentials) Authenticate(ctx context.Context, shown wire.Credential) (domain.DeviceID, domain.Tenant, error) {
	device := domain.DeviceID(shown.DeviceID)
	stored, found, err := c.hashOf(ctx, device)
	if err != nil {
		return "", "", err
	}
	hash := wire.HashSecret(shown.Secret) // also for an unknown device, so that both take as long
	if subtle.ConstantTimeCompare(stored.hash[:], []byte(hash)) != 1 || !found {
		return "", "", wire.ErrCredential
	}
	return device, stored.tenant, nil
}
