package certstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// format is the first byte of a sealed value.
	format = 1
	// headBytes is the length of the format and version before the encrypted part.
	headBytes = 1 + 8
	// maxValueBytes bounds a sealed value. The largest is a certificate chain with its key.
	maxValueBytes = 256 << 10
	// minSecretBytes is the minimum length of the secret from which the key is derived.
	minSecretBytes = 32
)

// errUnreadable is the error for a value that was not sealed with this key under this name.
var errUnreadable = errors.New("the value cannot be decrypted: it is damaged, or was written with another key")

// sealer encrypts values with AES-256-GCM. It authenticates the name and the version, so that the value of one name
// or version cannot be passed off as that of another.
type sealer struct{ aead cipher.AEAD }

// newSealer derives the key from a secret.
func newSealer(secret []byte) (*sealer, error) {
	if len(secret) < minSecretBytes {
		return nil, fmt.Errorf("the key has %d bytes; at least %d are needed", len(secret), minSecretBytes)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "reverse-proxy store 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// seal encrypts one version of a name's value.
func (s *sealer) seal(name string, version uint64, data []byte) []byte {
	head := binary.BigEndian.AppendUint64([]byte{format}, version)
	return s.aead.Seal(head, nil, data, associated(head, name))
}

// open decrypts a value, and returns its version.
func (s *sealer) open(name string, sealed []byte) (data []byte, version uint64, err error) {
	if len(sealed) < headBytes || len(sealed) > maxValueBytes || sealed[0] != format {
		return nil, 0, errUnreadable
	}
	head := sealed[:headBytes:headBytes]
	data, err = s.aead.Open(nil, nil, sealed[headBytes:], associated(head, name))
	if err != nil {
		return nil, 0, errUnreadable
	}
	return data, binary.BigEndian.Uint64(head[1:]), nil
}

// associated returns the data that is authenticated with a value.
func associated(head []byte, name string) []byte {
	return append(append(make([]byte, 0, len(head)+len(name)), head...), name...)
}
