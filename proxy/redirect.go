package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

// acmeChallengePrefix is where a CA fetches an HTTP-01 key authorization (RFC 8555, section 8.3).
const acmeChallengePrefix = "/.well-known/acme-challenge/"

// httpChallengeSource is a CertSource that also answers HTTP-01 validations.
type httpChallengeSource interface {
	HTTPChallenge(host, path string) (keyAuthorization []byte, ok bool)
}

// redirectHandler serves the redirect port (S-13): the CA's validations in ACME mode, also before step 8, and a redirect
// to https for everything else. Nothing is ever proxied from here.
func (l *listener) redirectHandler() http.Handler {
	challenges, acmeMode := l.source.(httpChallengeSource)
	redirect := l.gate.handler(http.HandlerFunc(l.redirectToHTTPS))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !acmeMode || !strings.HasPrefix(r.URL.Path, acmeChallengePrefix) {
			redirect.ServeHTTP(w, r)
			return
		}
		keyAuthorization, ok := challenges.HTTPChallenge(r.Host, r.URL.Path)
		if !ok {
			plainAnswer(w, statusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream") // RFC 8555, section 8.3
		_, _ = w.Write(keyAuthorization)                           // a CA that left asks again
	})
}

// redirectToHTTPS sends a client to the same host, path and query on the HTTPS port (S-13.1).
func (l *listener) redirectToHTTPS(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		plainAnswer(w, statusMethodNotAllowed)
		return
	}
	host, ok := splitAuthority(r.Host)
	target := originForm(r.RequestURI)
	if target == "*" {
		target = "/"
	}
	if !ok || !onlyBytes(target, isTargetByte) {
		plainAnswer(w, statusBadRequest)
		return
	}
	if port := l.config.HTTPSPort; port != 443 {
		host += ":" + strconv.Itoa(port)
	}
	w.Header()["Location"] = []string{"https://" + host + target}
	plainAnswer(w, http.StatusMovedPermanently)
}

// isTargetByte accepts what may stand in a Location besides the delimiters of a URI: visible ASCII. Nothing that could
// end the line, or that a client would have had to encode, is repeated.
func isTargetByte(c byte) bool { return c > ' ' && c < 0x7f }

// plainAnswer gives an answer of the proxy's own on the ports that do not go through the stages.
func plainAnswer(w http.ResponseWriter, status int) {
	body := statusBody(status)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Connection", "close") // the client's next request goes to another port
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that left needs no answer
}
