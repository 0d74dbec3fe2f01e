// Command reverse-proxy is the daemon and its command-line client.
package main

import (
	"os"

	"reverse-proxy/proxy"
)

func main() { os.Exit(proxy.Main(os.Args[1:], os.Stdout, os.Stderr)) }
