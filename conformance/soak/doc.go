// Package soak puts the real binary under load for any length of time, and looks for faults that only time and numbers
// show: requests and answers that are mixed up or lost, and memory, goroutines and descriptors that grow.
//
// Every request of Load has an identity, which is in the path, the query, the fields and the body. The upstream checks that
// all of them agree and came once, and answers with the same identity everywhere, which the client checks in turn.
//
// A bounded load is part of `make test` (TestNoRequestIsMixedUpOrLost in conformance/). `make soak` runs all of it.
package soak
