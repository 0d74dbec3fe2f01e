package steps

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The positions of fields in /proc/PID/stat, counted from the state, which follows the name in parentheses.
const (
	parentField = 1
	groupField  = 2
)

// processesWith returns the ids of the processes whose stat line has that value in the field.
func processesWith(field, value int) ([]string, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended in the meantime
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > field && fields[field] == strconv.Itoa(value) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found, nil
}

// Children returns the ids of the processes with the given parent.
func Children(pid int) []string {
	children, err := processesWith(parentField, pid)
	if err != nil {
		return []string{err.Error()}
	}
	return children
}
