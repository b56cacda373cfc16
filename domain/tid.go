package domain

import (
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

// TID is the key that a device shows to be enrolled with a license. It tells tenant and license by itself, so that no
// look-up is needed, and holds 80 random bits, which make it a key. It is shown to people: base32, without padding.
//
// Layout: form (1 byte), tenant (16), random (10), license (16 if it is a UUID, else its text), CRC-32 of all that.
type TID string

const (
	tidUUID byte = 1 // the license id is a UUID, stored as 16 bytes
	tidText byte = 2 // the license id is stored as it is

	tidHead = 1 + 16 + 10
)

// ErrMalformedTID says that a text can't be a TID: one with a typing error, for instance.
var ErrMalformedTID = &Error{Class: Invalid, Code: "malformed_tid", Message: "This is not a TID. Check it for typing errors.", Field: "/tid"}

// NewTID makes the TID of a license. The random bytes must come from a cryptographic source. It returns "" if tenant
// or license are not valid.
func NewTID(t Tenant, l LicenseID, random [10]byte) TID {
	if !t.Valid() || CheckID("", string(l)) != nil {
		return ""
	}
	tenant, err := hex.DecodeString(string(t))
	if err != nil {
		return ""
	}
	form, license := tidText, []byte(l)
	if raw, ok := uuidBytes(string(l)); ok {
		form, license = tidUUID, raw
	}
	b := append([]byte{form}, tenant...)
	b = append(b, random[:]...)
	b = append(b, license...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return TID(tidEncoding().EncodeToString(b))
}

// ParseTID reads a TID as people type it: spaces, dashes and case do not matter. The error is ErrMalformedTID. That
// the TID is well formed does not mean that it is the license's: compare with Equal.
func ParseTID(s string) (TID, error) {
	if len(s) > 512 {
		return "", ErrMalformedTID
	}
	t := TID(strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(strings.TrimSpace(s))))
	if tenant, license, random, ok := t.parts(); !ok || NewTID(tenant, license, random) != t { // one spelling only
		return "", ErrMalformedTID
	}
	return t, nil
}

// Tenant is the reseller whose TID it is; empty if it is malformed.
func (t TID) Tenant() Tenant {
	tenant, _, _, _ := t.parts()
	return tenant
}

// License is the license whose TID it is; empty if it is malformed.
func (t TID) License() LicenseID {
	_, license, _, _ := t.parts()
	return license
}

// Equal compares in a time that does not tell how much of a guess was right. An empty TID equals nothing.
func (t TID) Equal(o TID) bool {
	return t != "" && subtle.ConstantTimeCompare([]byte(t), []byte(o)) == 1
}

func (t TID) parts() (tenant Tenant, license LicenseID, random [10]byte, ok bool) {
	b, err := tidEncoding().DecodeString(string(t))
	if err != nil || len(b) < tidHead+1+4 {
		return "", "", random, false
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return "", "", random, false
	}
	tenant, random = Tenant(hex.EncodeToString(body[1:17])), [10]byte(body[17:tidHead])
	switch rest := body[tidHead:]; {
	case body[0] == tidUUID && len(rest) == 16:
		h := hex.EncodeToString(rest)
		return tenant, LicenseID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), random, true
	case body[0] == tidText:
		return tenant, LicenseID(rest), random, true
	}
	return "", "", random, false
}

func tidEncoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// uuidBytes reads the canonical form of a UUID, and only that: any other spelling would not come back as it was.
func uuidBytes(s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || strings.ToLower(s) != s {
		return nil, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return raw, err == nil && len(raw) == 16
}
