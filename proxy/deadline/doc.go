// Package deadline holds the deadlines of all connections and exchanges. Setting one is a single atomic store. One
// goroutine, the Sweeper's, looks at all of them ten times a second and interrupts what is late.
//
// It knows nothing of its owners except the methods of Owner.
package deadline
