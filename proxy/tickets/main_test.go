package tickets

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that no goroutine of a store outlives its test.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
