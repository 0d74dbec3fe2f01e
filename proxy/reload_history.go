package proxy

import (
	"fmt"
	"slices"
	"sync"

	"reverse-proxy/proxy/admin"
)

// maxReloadHistory is the number of reloads remembered, with admin.MaxHistoryErrors errors each: a pipeline that reloads a bad file
// every minute costs a fixed amount of memory.
const maxReloadHistory = 10

// reloadHistory remembers how the latest reloads ended.
type reloadHistory struct {
	mu      sync.Mutex
	entries []admin.ReloadStatus
}

// add adds a reload.
func (h *reloadHistory) add(entry admin.ReloadStatus) {
	if len(entry.Errors) > admin.MaxHistoryErrors {
		left := len(entry.Errors) - admin.MaxHistoryErrors
		entry.Errors = append(slices.Clone(entry.Errors[:admin.MaxHistoryErrors]), fmt.Sprintf("and %d more", left))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, entry)
	if len(h.entries) > maxReloadHistory {
		h.entries = slices.Delete(h.entries, 0, 1)
	}
}

// latest returns the remembered reloads, the latest first.
func (h *reloadHistory) latest() []admin.ReloadStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	entries := slices.Clone(h.entries)
	slices.Reverse(entries)
	return entries
}
