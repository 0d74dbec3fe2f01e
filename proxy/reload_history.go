package proxy

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Bounds of the history of reloads: a pipeline that reloads a bad file every minute costs a fixed amount of memory.
const (
	// maxReloadHistory is the number of reloads remembered.
	maxReloadHistory = 10
	// maxHistoryErrors is the number of errors remembered of each; the last reload keeps all of them.
	maxHistoryErrors = 10
)

// ReloadStatus describes how a reload ended, however it was requested.
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

// add adds a reload.
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

// latest returns them, the last one first.
func (h *reloadHistory) latest() []ReloadStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	entries := slices.Clone(h.entries)
	slices.Reverse(entries)
	return entries
}
