package steps

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// variableList describes the variables for steps/README.md.
var variableList = [][2]string{
	{"${dir}", "the scenario's own directory"},
	{"${config}", "the path of the configuration file"},
	{"${admin_socket}", "the path of the admin socket"},
	{"${notify_socket}", "the path of the service manager's socket"},
	{"${ca}", "the PEM file of the suite's CA, which the daemon takes for the system's roots"},
	{"${addr}, ${addr2}", "the address of the first and of the second listener; each scenario has its own"},
	{"${https}, ${https2}", "the HTTPS port of the first and of the second listener"},
	{"${http}, ${http2}", "the redirect port of the first and of the second listener"},
	{"${health}", "the health port"},
	{"${port:NAME}", "a free port for 127.0.0.1, ::1 and the wildcards; the same for the same name"},
	{"${upstream:NAME}", "the address and port of an upstream, also of one that is not there"},
	{"${cert:NAME}, ${key:NAME}", "the files of a certificate"},
	{"${client:NAME}", "the address that the client of that name has; each name has its own"},
	{"${remembered:NAME}", "what a step has remembered under that name"},
	{"${x*1000}", "a thousand times the text before the star"},
}

// variable returns the value of `${name}`.
func (w *World) variable(name string) (string, error) {
	if text, count, ok := strings.Cut(name, "*"); ok {
		n, err := strconv.Atoi(count)
		if err != nil {
			return "", fmt.Errorf("%q is not a number of times", count)
		}
		return strings.Repeat(text, n), nil
	}
	kind, arg, hasArg := strings.Cut(name, ":")
	if !hasArg {
		return w.simpleVariable(name)
	}
	switch kind {
	case "port":
		port, err := w.addresses.sharedPort("port:" + arg)
		return strconv.Itoa(port), err
	case "upstream":
		return w.upstreamAddress(arg)
	case "cert":
		return w.certPath(arg), nil
	case "key":
		return w.keyPath(arg), nil
	case "client":
		return w.clientAddress(arg), nil
	case "remembered":
		if value, ok := w.remembered[arg]; ok {
			return value, nil
		}
		return "", fmt.Errorf("nothing is remembered as %q", arg)
	}
	return "", fmt.Errorf("there is no such variable")
}

func (w *World) simpleVariable(name string) (string, error) {
	switch name {
	case "dir":
		return w.dir, nil
	case "config":
		return w.configPath(), nil
	case "admin_socket":
		return w.adminSocket(), nil
	case "notify_socket":
		return w.notify.path, nil
	case "ca":
		return filepath.Join(w.dir, "ca.pem"), nil
	case "health":
		port, err := w.addresses.sharedPort("health")
		return strconv.Itoa(port), err
	}
	base := strings.TrimRight(name, "0123456789")
	n := 1
	if base != name {
		n, _ = strconv.Atoi(name[len(base):])
	}
	address := w.addresses.address(n)
	switch base {
	case "addr":
		return address, nil
	case "http", "https":
		port, err := w.addresses.port(base+strconv.Itoa(n), address)
		return strconv.Itoa(port), err
	}
	return "", fmt.Errorf("there is no such variable")
}

// upstreamAddress returns the address of the upstream with that name, and reserves one if it does not listen yet.
func (w *World) upstreamAddress(name string) (string, error) {
	if up, ok := w.upstreams[name]; ok {
		return up.address, nil
	}
	address := w.addresses.address(10)
	port, err := w.addresses.port("upstream:"+name, address)
	return net.JoinHostPort(address, strconv.Itoa(port)), err
}

// clientAddress returns the address from which the client with that name connects. The nameless client has the first.
func (w *World) clientAddress(name string) string {
	key := "client:" + name
	if _, ok := w.remembered[key]; !ok {
		count := 0
		for other := range w.remembered {
			if strings.HasPrefix(other, "client:") {
				count++
			}
		}
		if name == "" {
			return w.addresses.address(100)
		}
		w.remembered[key] = w.addresses.address(101 + count%150)
	}
	return w.remembered[key]
}
