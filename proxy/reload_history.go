package proxy

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// The bounds of what is remembered of earlier reloads: a pipeline that reloads a bad file every minute costs a fixed
// amount of memory.
const (
	// maxReloadHistory is how many reloads are remembered.
	maxReloadHistory = 10
	// maxHistoryErrors is how many errors are remembered of each; those of the last one are all there.
	maxHistoryErrors = 10
)

// ReloadStatus says how a reload ended, by whatever way it was asked for.
type ReloadStatus struct {
	// Time is when it ended.
	Time time.Time `json:"time"`
	// Status, Message and Errors are those of its ReloadResult.
	Status  string   `json:"status"`
	Message string   `json:"message,omitempty"`
	Errors  []string `json:"errors,omitempty"`
	// Changes is the number of things that it changed, or that wait for a restart.
	Changes int `json:"changes"`
}

// reloadHistory remembers how the latest reloads ended.
type reloadHistory struct {
	mu      sync.Mutex
	entries []ReloadStatus
}

// add remembers one.
func (h *reloadHistory) add(entry ReloadStatus) {
	if len(entry.Errors) > maxHistoryErrors {
		left := len(entry.Errors) - maxHistoryErrors
		entry.Errors = append(slices.Clone(entry.Errors[:maxHistoryErrors]), fmt.Sprintf("and %d more", left))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, entry)
	if len(h.entries) > maxReloadHistory {
		h.entries = slices.Delete(h.entries, 0, 1)
	}
}

// latest lists them, the last one first.
func (h *reloadHistory) latest() []ReloadStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	entries := slices.Clone(h.entries)
	slices.Reverse(entries)
	return entries
}
