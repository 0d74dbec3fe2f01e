// Package wording puts values into the words that people read: safe to show on a terminal, with their unit, and an error
// as its cause.
//
// It knows nothing of the program: neither what the values mean nor where they are shown.
package wording
