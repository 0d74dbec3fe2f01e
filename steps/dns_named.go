package steps

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"reverse-proxy/conformance/namedtest"
)

// useUpdates starts BIND's name server on port 53 of an address, with a key that may update the zone, and makes it the server
// of the zone.
func (w *World) useUpdates(zone string) error {
	if w.names == nil {
		return errors.New("the scenario has no names of its own")
	}
	dir := w.path("named")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	address := w.addresses.address(96)
	port, err := w.addresses.port("named", "127.0.0.1") // the only loopback address on which it listens
	if err != nil {
		return err
	}
	secret := base64.StdEncoding.EncodeToString([]byte("the secret of the name server's key"))
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	server, err := namedtest.Start(dir, port, namedtest.Options{Zone: zone, Host: address,
		Statements: fmt.Sprintf("key \"edge\" { algorithm hmac-sha256; secret %q; };\nzone %q { type primary; file \"zone\"; allow-update { key \"edge\"; }; };\n", secret, zone)})
	if err != nil {
		return err
	}
	w.cleanup(func() error { server.Stop(); return nil })
	if err := w.relayDNS(net.JoinHostPort(address, "53"), server.Address); err != nil {
		return err
	}
	if err := w.names.server.addZone(zone, address); err != nil {
		return err
	}
	return w.setDNS(map[string]any{"dns": "rfc2136", "dns_server": net.JoinHostPort(address, "53"), "dns_key_name": "edge", "dns_key_file": filepath.Join(dir, "key")})
}

func (w *World) useOtherKey() error {
	secret := base64.StdEncoding.EncodeToString([]byte("a secret that the name server does not know"))
	return os.WriteFile(w.path("named/key"), []byte(secret+"\n"), 0o600)
}

// relayDNS passes messages on, over UDP and TCP, from an address to another one.
func (w *World) relayDNS(from, to string) error {
	packets, err := net.ListenPacket("udp", from)
	if err != nil {
		return err
	}
	w.cleanup(packets.Close)
	listener, err := net.Listen("tcp", from)
	if err != nil {
		return err
	}
	w.cleanup(listener.Close)
	go func() {
		packet := make([]byte, 4096)
		for {
			n, client, err := packets.ReadFrom(packet)
			if err != nil {
				return
			}
			query := bytes.Clone(packet[:n])
			go func() {
				if answer, err := exchangePacket(to, query); err == nil {
					_, _ = packets.WriteTo(answer, client)
				}
			}()
		}
	}()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relayConn(client, to)
		}
	}()
	return nil
}

// exchangePacket sends a packet and returns the first one that comes back.
func exchangePacket(to string, query []byte) ([]byte, error) {
	conn, err := net.Dial("udp", to)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	return answer[:n], err
}

// relayConn passes bytes on in both directions until the client closes its connection.
func relayConn(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(client, server) }()
	_, _ = io.Copy(server, client)
}
