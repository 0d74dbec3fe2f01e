package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/crypto/acme"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/eventlog"
)

// listenerTLSConfig returns the TLS configuration of one HTTPS listener (S-5.1): versions, suites, protocols, and the
// choice of the certificate and of the sessions that resume. Handshakes other than the CA's validations wait at the
// gate.
func listenerTLSConfig(source cert.Source, g *gate, log *eventlog.Logger) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // those of TLS 1.2; the ones of 1.3 cannot be chosen and are all good
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		NextProtos: []string{"h2", "http/1.1"},
	}
	if source.AsksCA() {
		config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if source.AsksCA() && slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return source.ChallengeCertificate(hello)
		}
		if s, ok := hello.Conn.(*socket); ok && !g.isOpen() && s.waits != nil {
			s.waits()
		}
		if err := g.wait(hello.Context()); err != nil {
			return nil, err
		}
		certificate := source.Certificate(hello)
		if certificate == nil {
			logRefusedName(log, hello)
		}
		// Without a certificate and without an error crypto/tls sends the alert unrecognized_name (RFC 6066, section
		// 3); after an error it would send internal_error.
		return certificate, nil
	}
	bindSessions(config, config, source, g, "")
	return config
}

// demandClientCerts lets the sites of a listener ask their clients for certificates: find returns the demand of the site with
// the server name of a handshake; nil for none.
func demandClientCerts(base *tls.Config, source cert.Source, g *gate, find func(name string) *clientDemand) {
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if source.AsksCA() && slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return nil, nil
		}
		demand := find(cert.NormalName(hello.ServerName))
		if demand == nil {
			return nil, nil
		}
		if s, ok := hello.Conn.(*socket); ok {
			s.demand = demand
		}
		return demand.apply(base, func(config *tls.Config, id string) { bindSessions(config, base, source, g, id) }), nil
	}
}

// logRefusedClientCert logs a handshake that failed because of the client's certificate. Like a refused name, it is
// logged as a repeating failure.
func logRefusedClientCert(log *eventlog.Logger, address net.Addr, host, reason string) {
	log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "tls", Host: clientPrefix(address), Cause: reason}, "TLS_REFUSED",
		eventlog.Str("client_ip", clientIP(address)), eventlog.Str("server_name", host), eventlog.Str("error", reason))
}

// logRefusedName logs a handshake for which there is no certificate (S-5.2). For one client it is a repeating failure,
// whatever names it asks for (S-5.15).
func logRefusedName(log *eventlog.Logger, hello *tls.ClientHelloInfo) {
	reason := "no certificate covers this name"
	if hello.ServerName == "" {
		reason = "no server name, and more than one certificate to choose from"
	}
	address := hello.Conn.RemoteAddr()
	log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "tls", Host: clientPrefix(address), Cause: reason}, "TLS_REFUSED",
		eventlog.Str("client_ip", clientIP(address)), eventlog.Str("server_name", hello.ServerName), eventlog.Str("error", reason))
}

// clientPrefix returns what identifies a client: an IPv4 address, or the /64 of an IPv6 address.
func clientPrefix(address net.Addr) string {
	peer, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return address.String()
	}
	ip := peer.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// clientIP renders the address of a peer without port and zone.
func clientIP(address net.Addr) string {
	peer, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return address.String()
	}
	return peer.Addr().Unmap().WithZone("").String()
}
