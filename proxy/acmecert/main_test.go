package acmecert

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that no attempt, schedule or probe outlives its test.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
