package proxy

import (
	"crypto/tls"

	"reverse-proxy/proxy/cert"
)

// sessionNameLabel marks the server name in the contents of a session ticket.
const sessionNameLabel = "reverse-proxy server name: "

// bindSessions binds the sessions of a listener to the server name for which they were made; no name counts as a name too
// (S-5.13; RFC 6066, section 3). By itself, crypto/tls resumes a TLS 1.2 session under any name, and a TLS 1.3 session even
// under a name that no certificate covers. A ticket that does not fit is ignored: a full handshake follows, which picks the
// certificate or refuses the name. The ticket keys remain those of the configuration, which crypto/tls renews every day;
// they outlive reloads, as the configuration does.
//
// id is that of the demand for certificates of clients, to which the sessions are bound too (S-16.4). base is the listener's
// configuration, which may be config itself: it has the keys. While the gate g is closed, no session resumes: the full handshake
// waits at the gate, but a resumed TLS 1.3 handshake asks for no certificate. Tickets can be older than the process, because
// machines can share their keys (S-20.5).
func bindSessions(config, base *tls.Config, source cert.Source, g *gate, id string) {
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, []byte(sessionLabel(state.ServerName, id)))
		return base.EncryptTicket(state, session)
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		if !g.isOpen() {
			return nil, nil
		}
		session, err := base.DecryptTicket(ticket, state)
		if session == nil || err != nil || !isSessionOf(session, state.ServerName, id) {
			return nil, err
		}
		if source.Certificate(&tls.ClientHelloInfo{ServerName: state.ServerName}) == nil {
			return nil, nil // the name is no longer served
		}
		return session, nil
	}
}

// sessionLabel returns what binds a session to a server name and a demand.
func sessionLabel(name, id string) string {
	return sessionNameLabel + cert.NormalName(name) + " " + id
}

// isSessionOf reports whether a session was made for the server name and the demand.
func isSessionOf(session *tls.SessionState, name, id string) bool {
	name = sessionLabel(name, id)
	for _, extra := range session.Extra {
		if string(extra) == name {
			return true
		}
	}
	return false
}
