package admin

import "testing"

func TestStoreText(t *testing.T) {
	for machines, want := range map[int]string{1: "redis://a.test, in use by 1 machine", 3: "redis://a.test, in use by 3 machines"} {
		if got := storeText(StoreStatus{Address: "redis://a.test", Up: true, Machines: machines}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
