package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// Prefix begins every token, so that scanners for leaked secrets recognize one.
const Prefix = "avp_"

const (
	randomBytes = 32
	secretChars = 58 // base32 of 32 random bytes and 4 of checksum
)

// newSecret makes a token: the prefix, 256 random bits, and a CRC-32, by which a mistyped or made-up token is refused
// without a look-up.
func newSecret() string {
	b := make([]byte, randomBytes, randomBytes+4)
	_, _ = rand.Read(b) // never fails
	return Prefix + encoding().EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// hashOf is what is stored of a token; ok is false if it can't be one.
func hashOf(secret string) (hash [sha256.Size]byte, ok bool) {
	text, ok := strings.CutPrefix(secret, Prefix)
	if !ok || len(text) != secretChars {
		return hash, false
	}
	b, err := encoding().DecodeString(text)
	if err != nil || len(b) != randomBytes+4 || encoding().EncodeToString(b) != text {
		return hash, false
	}
	if crc32.ChecksumIEEE(b[:randomBytes]) != binary.BigEndian.Uint32(b[randomBytes:]) {
		return hash, false
	}
	return sha256.Sum256([]byte(secret)), true
}

func encoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}
