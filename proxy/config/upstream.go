package config

import (
	"net"
	"strconv"
)

// SplitUpstream splits a valid `host:port`; the host has no brackets.
func SplitUpstream(upstream string) (host string, port int) {
	host, text, _ := net.SplitHostPort(upstream) // validation has refused invalid ones
	port, _ = strconv.Atoi(text)
	return host, port
}
