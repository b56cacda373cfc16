package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// SecretBytes is the length of a device's secret.
const SecretBytes = 32

// ErrCredential says that an Authorization header does not hold a device's credential. It never names the header's
// content.
var ErrCredential = errors.New("not a device credential")

// Credential is what a device shows with every call after its enrollment.
type Credential struct {
	DeviceID string
	Secret   [SecretBytes]byte
}

// HashSecret is what the portal stores of a secret: lower-case hex SHA-256 of its 32 bytes. A plain hash is enough for
// 256 random bits; slow hashes are for what people make up.
func HashSecret(secret [SecretBytes]byte) string {
	sum := sha256.Sum256(secret[:])
	return hex.EncodeToString(sum[:])
}

// Header is the value of the Authorization header: "Bearer <device_id>.<secret in base64url without padding>".
func (c Credential) Header() string {
	return "Bearer " + c.DeviceID + "." + base64.RawURLEncoding.EncodeToString(c.Secret[:])
}

// ParseCredential reads an Authorization header. The error is ErrCredential. Compare HashSecret of the secret with the
// stored hash by subtle.ConstantTimeCompare.
func ParseCredential(header string) (Credential, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(token) > 256 {
		return Credential{}, ErrCredential
	}
	id, encoded, ok := strings.Cut(token, ".")
	if !ok || id == "" {
		return Credential{}, ErrCredential
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(secret) != SecretBytes {
		return Credential{}, ErrCredential
	}
	return Credential{DeviceID: id, Secret: [SecretBytes]byte(secret)}, nil
}

// String keeps a secret out of logs.
func (c Credential) String() string { return c.DeviceID + ".(secret)" }

// GoString keeps a secret out of %#v.
func (c Credential) GoString() string { return c.String() }
