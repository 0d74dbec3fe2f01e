package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
)

// ports are the TCP ports on 127.0.0.1 that the quick start uses.
type ports struct {
	https, http, health int
	// upstream is the sample upstream's port; 0 if the reader has an application of their own.
	upstream int
}

// usualPorts are the ports of testdata/quickstart.toml, which the documents name.
var usualPorts = ports{https: 8443, http: 8080, health: 9900, upstream: 3000}

// choosePorts returns the usual ports, but replaces each that is in use by a free one, and says so on out. Another
// program may still take a port before the quick start binds it; the start then fails and names it.
func choosePorts(out io.Writer, sample bool) (ports, error) {
	chosen := usualPorts
	wanted := []*int{&chosen.https, &chosen.http, &chosen.health}
	if sample {
		wanted = append(wanted, &chosen.upstream)
	} else {
		chosen.upstream = 0
	}
	for _, port := range wanted {
		ln, err := net.Listen("tcp", loopback(*port))
		if err != nil {
			if ln, err = net.Listen("tcp", loopback(0)); err != nil {
				return ports{}, err
			}
			usual := *port
			*port = ln.Addr().(*net.TCPAddr).Port
			fmt.Fprintf(out, "port %d is in use; taking %d\n", usual, *port)
		}
		defer ln.Close() // after all ports are chosen, so that none is chosen twice
	}
	return chosen, nil
}

// loopback returns the address of a port on 127.0.0.1.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
