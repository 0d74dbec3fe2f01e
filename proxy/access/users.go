package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxUsers bounds the users of a file, and MaxUserBytes the length of a name.
const (
	MaxUsers     = 10_000
	MaxUserBytes = 255
)

// Users are the users of a password file with their hashes. They never change.
type Users struct {
	// byName finds the hash of a user by its index in hashes.
	byName map[string]int
	hashes []hashed
	// id identifies the contents of the file.
	id [sha256.Size]byte
}

// LineError is an error in one line of a file.
type LineError struct {
	// Line is the number of the line, from 1.
	Line int
	// Err is what is wrong and what to do. It shows nothing of a hash.
	Err error
}

// Error implements the error interface.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// ParseUsers reads a password file as htpasswd writes it: one `user:hash` a line. Empty lines and lines that begin with `#`
// are skipped. It returns the users together with all errors, which are LineErrors where they concern one line.
func ParseUsers(text []byte) (*Users, []error) {
	u := &Users{byName: map[string]int{}, id: sha256.Sum256(text)}
	lines := map[string]int{}
	var faults []error
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, err := parseUser(line)
		if first, twice := lines[name]; err == nil && twice {
			err = fmt.Errorf("the user is in line %d already; write each user once", first)
		}
		if err != nil {
			faults = append(faults, &LineError{number, err})
			continue
		}
		lines[name] = number
		u.byName[name] = len(u.hashes)
		u.hashes = append(u.hashes, password)
	}
	switch {
	case len(u.hashes) > MaxUsers:
		faults = append(faults, fmt.Errorf("has %d users; at most %d are possible", len(u.hashes), MaxUsers))
	case len(u.hashes) == 0 && len(faults) == 0:
		faults = append(faults, errors.New("has no user, so that nobody could pass; write a line user:hash, as htpasswd -nB USER prints it"))
	}
	return u, faults
}

// parseUser reads one line.
func parseUser(line string) (name string, password hashed, err error) {
	name, text, found := strings.Cut(line, ":")
	switch {
	case !found:
		return "", nil, errors.New("has no colon; write user:hash, as htpasswd -nB USER prints it")
	case name == "":
		return "", nil, errors.New("has no user before the colon; write user:hash")
	case len(name) > MaxUserBytes:
		return "", nil, fmt.Errorf("the name of the user has %d bytes; at most %d are possible", len(name), MaxUserBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", nil, errors.New("the name of the user is not text in UTF-8; write it again")
	}
	password, err = parseHash(strings.TrimRight(text, " \t"))
	return name, password, err
}

// Len returns the number of users.
func (u *Users) Len() int { return len(u.hashes) }

// Has reports whether there is such a user.
func (u *Users) Has(name string) bool {
	_, known := u.byName[name]
	return known
}

// ID returns a text that identifies the contents of the file, without revealing them.
func (u *Users) ID() string { return fmt.Sprintf("%x", u.id[:4]) }

// match reports whether the password is the user's. For an unknown user, it takes the time of a known one, chosen by the
// secret and the name, so that the times of unknown names are spread like those of known ones.
func (u *Users) match(secret []byte, name, password string) bool {
	index, known := u.byName[name]
	if !known {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(name))
		index = int(binary.BigEndian.Uint32(mac.Sum(nil)) % uint32(len(u.hashes)))
	}
	matches := u.hashes[index].matches(password)
	return known && matches
}
