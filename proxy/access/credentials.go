package access

import (
	"encoding/base64"
	"strings"
)

// Credentials are what a client has sent for Basic authentication (RFC 7617).
type Credentials struct{ User, Password string }

// IsBasic reports whether the value of an Authorization field is for Basic authentication.
func IsBasic(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(scheme, "Basic")
}

// ParseBasic reads the value of an Authorization field. It returns false for one that is damaged, or of another scheme.
func ParseBasic(authorization string) (Credentials, bool) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return Credentials{}, false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Trim(encoded, " "))
	if err != nil {
		return Credentials{}, false
	}
	user, password, found := strings.Cut(string(decoded), ":")
	return Credentials{user, password}, found
}
