package admin

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// unixPeerUID returns the effective user of the process at the other end of conn at the time of connecting
// (SO_PEERCRED, unix(7)). The kernel vouches for it.
func unixPeerUID(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credErr); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// peerAllowed reports whether a peer of the given user may give commands to a daemon that runs as own: only root
// and the daemon's user may (S-10.4).
func peerAllowed(peer, own uint32) bool { return peer == 0 || peer == own }
