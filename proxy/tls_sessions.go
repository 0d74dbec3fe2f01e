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
func bindSessions(config *tls.Config, source cert.Source) {
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, []byte(sessionNameLabel+cert.NormalName(state.ServerName)))
		return config.EncryptTicket(state, session)
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := config.DecryptTicket(ticket, state)
		if session == nil || err != nil || !isSessionOf(session, state.ServerName) {
			return nil, err
		}
		if source.Certificate(&tls.ClientHelloInfo{ServerName: state.ServerName}) == nil {
			return nil, nil // the name is no longer served
		}
		return session, nil
	}
}

// isSessionOf reports whether a session was made for the server name.
func isSessionOf(session *tls.SessionState, name string) bool {
	name = sessionNameLabel + cert.NormalName(name)
	for _, extra := range session.Extra {
		if string(extra) == name {
			return true
		}
	}
	return false
}
