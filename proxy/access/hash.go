package access

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// The bounds of a hash. A hash with a higher cost would take seconds of a processor for each password, even a wrong one.
const (
	// MaxBcryptCost takes about a second. It is the default of some programs.
	MaxBcryptCost = 14
	// MaxArgonMemory is in KiB. A few passwords are verified at the same time, each with that much memory.
	MaxArgonMemory = 128 << 10
	// MaxArgonWork is the memory times the number of passes, in KiB.
	MaxArgonWork = 1 << 20
	// MaxArgonThreads is the degree of parallelism.
	MaxArgonThreads = 16
)

// hashed is a hashed password.
type hashed interface {
	// matches reports whether the password is the one that was hashed. It is slow on purpose.
	matches(password string) bool
}

// parseHash reads the second field of a line. The error says what is wrong with it and what to do.
func parseHash(text string) (hashed, error) {
	switch {
	case hasAnyPrefix(text, "$2a$", "$2b$", "$2y$"):
		return parseBcrypt(text)
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon2id(text)
	}
	return nil, fmt.Errorf("%s is not accepted; write a bcrypt hash, as htpasswd -B makes it, or an argon2id hash", nameOfHash(text))
}

// nameOfHash names the kind of a hash that is not accepted, without showing any of it.
func nameOfHash(text string) string {
	switch {
	case text == "":
		return "an empty password"
	case strings.HasPrefix(text, "$apr1$"):
		return "the MD5 hash of Apache (apr1)"
	case strings.HasPrefix(text, "$1$"):
		return "an MD5 hash"
	case hasAnyPrefix(text, "{SHA}", "{SSHA}"):
		return "a SHA-1 hash"
	case strings.HasPrefix(text, "$5$"):
		return "a SHA-256 hash (crypt)"
	case strings.HasPrefix(text, "$6$"):
		return "a SHA-512 hash (crypt)"
	case strings.HasPrefix(text, "$7$"):
		return "a scrypt hash"
	case strings.HasPrefix(text, "$y$"):
		return "a yescrypt hash"
	case hasAnyPrefix(text, "$argon2i$", "$argon2d$"):
		return "a hash of another variant of argon2"
	case hasAnyPrefix(text, "$2$", "$2x$"):
		return "a hash of an old, faulty variant of bcrypt"
	case strings.HasPrefix(text, "$"):
		return "a hash of an unknown kind"
	case len(text) == 13:
		return "a DES hash (crypt), or a password that is not hashed,"
	}
	return "a password that is not hashed"
}

// hasAnyPrefix reports whether text begins with one of the prefixes.
func hasAnyPrefix(text string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// bcryptHash is a hash as htpasswd -B makes it.
type bcryptHash []byte

func parseBcrypt(text string) (hashed, error) {
	const length = 60
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || len(text) != length || strings.Trim(text[7:], bcryptAlphabet) != "" {
		return nil, errors.New("the bcrypt hash is damaged; create it again with htpasswd -B")
	}
	if cost > MaxBcryptCost {
		return nil, fmt.Errorf("the bcrypt cost %d takes seconds for each password; create the hash again with a cost of at most %d", cost, MaxBcryptCost)
	}
	return bcryptHash(text), nil
}

// bcryptAlphabet has the digits of the salt and the hash in a bcrypt hash.
const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword(h, []byte(password)) == nil
}

// argonHash is an argon2id hash in the form of the reference implementation (PHC string format).
type argonHash struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

func parseArgon2id(text string) (hashed, error) {
	damaged := errors.New("the argon2id hash is damaged; it has the form $argon2id$v=19$m=65536,t=3,p=1$SALT$HASH")
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, damaged
	}
	memory, passes, threads, ok := argonParameters(parts[3])
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if !ok || saltErr != nil || keyErr != nil || len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return nil, damaged
	}
	switch {
	case memory > MaxArgonMemory:
		return nil, fmt.Errorf("argon2id with m=%d takes too much memory for each password; create the hash again with at most m=%d (KiB)", memory, MaxArgonMemory)
	case memory*passes > MaxArgonWork:
		return nil, fmt.Errorf("argon2id with m=%d,t=%d takes seconds for each password; create the hash again with m times t at most %d", memory, passes, MaxArgonWork)
	case threads > MaxArgonThreads:
		return nil, fmt.Errorf("argon2id with p=%d takes too many processors for each password; create the hash again with at most p=%d", threads, MaxArgonThreads)
	}
	return argonHash{memory: uint32(memory), passes: uint32(passes), threads: uint8(threads), salt: salt, key: key}, nil
}

// argonParameters reads `m=65536,t=3,p=1`.
func argonParameters(text string) (memory, passes, threads uint64, ok bool) {
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return 0, 0, 0, false
	}
	var values [3]uint64
	for i, name := range [...]string{"m=", "t=", "p="} {
		digits, found := strings.CutPrefix(fields[i], name)
		value, err := strconv.ParseUint(digits, 10, 32) // so that the product of two has 64 bits
		if !found || err != nil || value == 0 {
			return 0, 0, 0, false
		}
		values[i] = value
	}
	return values[0], values[1], values[2], true
}

func (h argonHash) matches(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
