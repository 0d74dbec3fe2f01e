// Package systemd speaks with the service manager: it reports the daemon's state and signs of life (sd_notify(3), S-4.5),
// and takes the sockets that were opened for it (sd_listen_fds(3)).
//
// It knows nothing of the daemon or of its configuration: the caller says what is reported, and which ports it wants.
package systemd
