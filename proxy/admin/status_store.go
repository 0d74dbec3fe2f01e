package admin

import (
	"fmt"
	"time"

	"reverse-proxy/proxy/wording"
)

// StoreStatus describes the store that several machines share (S-20.5).
type StoreStatus struct {
	// Address is the URL of the store, without its password.
	Address string `json:"address"`
	// Up reports whether the store can be used, and Since when that changed last.
	Up    bool      `json:"up"`
	Since time.Time `json:"since"`
	// Error is why it cannot be used.
	Error string `json:"error,omitempty"`
	// Machines is the number of daemons that use it, with this one.
	Machines int `json:"machines,omitempty"`
}

// storeText describes a store in a line.
func storeText(s StoreStatus) string {
	if s.Up {
		return fmt.Sprintf("%s, in use by %s", wording.Printable(s.Address), wording.Count(s.Machines, "machine"))
	}
	return fmt.Sprintf("%s, away since %s: %s", wording.Printable(s.Address), wording.Time(s.Since), wording.Printable(s.Error))
}
