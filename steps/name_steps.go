package steps

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func (w *World) nameSteps() []step {
	return []step{
		{`a name server for the scenario`, w.ownNames, "The daemon is started with an /etc/resolv.conf that names a server of the scenario, and an empty /etc/hosts. As all of these, for scenarios with the tag @mount only."},
		{`the name {string} resolves to the upstream(s) {string}`, w.nameUpstreams, "Several are separated by commas. The name server answers so from then on."},
		{`the hosts file has the name {string} for the upstream {string}`, w.nameInHosts, ""},
		{`the name {string} is removed`, w.nameGone, "The name server says that it does not exist."},
		{`the name server stops answering`, func() error { return w.failNames(true, false) }, ""},
		{`the name server answers only SERVFAIL`, func() error { return w.failNames(false, true) }, ""},
		{`the name server answers again`, func() error { return w.failNames(false, false) }, ""},
		{`the name server was asked for {string} {int} time(s)`, w.nameAsked, "For its IPv4 addresses, one look-up each. Counts those so far."},
		{`the name server is asked for {string} within {int} seconds`, w.nameAskedWithin, "Once more than so far. Waits for it."},
		{`an upstream {string} with the port of the upstream {string}`, w.upstreamWithPort, "On an address of its own; answers 200 with its name."},
		{`the site {string} is served from {string} with the port of the upstream {string}`, w.addSiteByName, "A name in place of the upstream's address."},
	}
}

// ownedNames is a scenario's name resolution: its server, and the files that the daemon sees.
type ownedNames struct {
	server            *nameServer
	resolvConf, hosts string
}

func (w *World) ownNames() error {
	address := w.addresses.address(99)
	server, err := startNameServer(address)
	if err != nil {
		return fmt.Errorf("cannot serve names; the scenario needs the tag @mount: %w", err)
	}
	w.cleanup(server.close)
	w.names = &ownedNames{server: server, resolvConf: w.path("resolv.conf"), hosts: w.path("hosts")}
	return errors.Join(
		os.WriteFile(w.names.resolvConf, []byte("nameserver "+address+"\n"), 0o644),
		os.WriteFile(w.names.hosts, []byte("127.0.0.1 localhost\n"), 0o644),
	)
}

// withNames makes the command see the scenario's files, mounted over the machine's in its own mount namespace.
func (n *ownedNames) withNames(cmd *exec.Cmd) *exec.Cmd {
	script := `mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$0" "$@"`
	wrapped := exec.Command("/bin/sh", append([]string{"-c", script, cmd.Path, n.resolvConf, n.hosts}, cmd.Args[1:]...)...)
	wrapped.Env, wrapped.ExtraFiles = cmd.Env, cmd.ExtraFiles
	wrapped.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return wrapped
}

func (w *World) nameUpstreams(name, list string) error {
	var addresses []netip.Addr
	for _, up := range names(list) {
		address, err := w.upstreamAddress(up)
		if err != nil {
			return err
		}
		ip, err := netip.ParseAddr(hostOnly(address))
		if err != nil {
			return err
		}
		addresses = append(addresses, ip)
	}
	w.names.server.set(name, addresses)
	return nil
}

func (w *World) nameInHosts(name, upstream string) error {
	address, err := w.upstreamAddress(upstream)
	if err != nil {
		return err
	}
	// Written in place, because the mount refers to the file, not to its name.
	return os.WriteFile(w.names.hosts, []byte("127.0.0.1 localhost\n"+hostOnly(address)+" "+name+"\n"), 0o644)
}

func (w *World) nameGone(name string) error { w.names.server.forget(name); return nil }

func (w *World) failNames(silent, failing bool) error {
	w.names.server.fail(silent, failing)
	return nil
}

func (w *World) nameAsked(name string, want int) error {
	if got := w.names.server.times(name); got != want {
		return fmt.Errorf("the name server was asked for %q %d times, want %d", name, got, want)
	}
	return nil
}

func (w *World) nameAskedWithin(name string, seconds int) error {
	before := w.names.server.times(name)
	return w.within(time.Duration(seconds)*time.Second, func() error {
		if w.names.server.times(name) == before {
			return fmt.Errorf("the name server was not asked for %q again", name)
		}
		return nil
	})
}

func (w *World) upstreamWithPort(name, other string) error {
	if _, ok := w.upstreams[name]; ok {
		return fmt.Errorf("there is an upstream %q already", name)
	}
	address, err := w.upstreamAddress(other)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return w.startUpstreamAt(name, net.JoinHostPort(w.addresses.address(20+len(w.upstreams)), port), nil, plain(200, name))
}

func (w *World) addSiteByName(host, name, upstream string) error {
	if err := w.addSite(host, upstream); err != nil {
		return err
	}
	listener, index, err := w.site(host)
	if err != nil {
		return err
	}
	site := tables(listener, "sites")[index]
	_, port, err := net.SplitHostPort(fmt.Sprint(site["upstream"]))
	if err != nil {
		return err
	}
	site["upstream"] = net.JoinHostPort(name, port)
	return nil
}
