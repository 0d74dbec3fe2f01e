package proxy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/systemd"
)

func TestOrdersAreCountedOnceForAllListeners(t *testing.T) {
	o := &orders{notify: systemd.NewNotifier()}
	want := func(status *admin.OrdersStatus) {
		t.Helper()
		if diff := cmp.Diff(status, o.status()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want(nil)
	o.Begin([]string{"b", "a"})
	o.Begin([]string{"a", "c"})
	o.Done("a")
	o.Done("a")
	o.Done("another")
	want(&admin.OrdersStatus{Done: []string{"a"}, Waiting: []string{"b", "c"}})
	o.Begin([]string{"a"}) // has ended for the other listener
	o.Done("b")
	o.Done("c")
	want(&admin.OrdersStatus{Done: []string{"a", "b", "c"}, Waiting: []string{}})
	o.end()
	want(nil)
	o.Done("a")
	want(nil)
}

// BenchmarkOrders shows that the time for a name does not grow with their number.
func BenchmarkOrders(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("n%d.example.test", i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := &orders{notify: systemd.NewNotifier()}
			for b.Loop() {
				o.Begin(names)
				for _, name := range names {
					o.Done(name)
				}
				o.end()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/name")
		})
	}
}
