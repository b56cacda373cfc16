package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Cost of a hash of a password: about 50 ms and 46 MiB.
const (
	passes  = 2
	memory  = 46 << 10 // KiB
	threads = 1
	keySize = 32
)

// Hash gives the argon2id hash of a password in the PHC form, by which a client can check what is typed without knowing it.
func Hash(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, passes, memory, threads, keySize)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b64(salt), b64(key))
}
