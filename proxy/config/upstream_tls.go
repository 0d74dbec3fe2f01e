package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"reverse-proxy/proxy/wording"
)

// UpstreamTLS says how the certificate of an https upstream is verified, and which certificate the proxy presents. It
// never changes. The zero value verifies the upstream's name against the system's roots.
type UpstreamTLS struct {
	// CAPath is a PEM file with the only roots to trust, and Roots holds them; "" and nil for the system's roots.
	CAPath string
	Roots  *x509.CertPool
	// ServerName is the name for SNI and for the verification; "" for the host of the upstream.
	ServerName string
	// Files name the proxy's own certificate, and Certificate is what they hold; nil for none.
	Files       CertificateFiles
	Certificate *tls.Certificate
	// CAHash and CertHash change with the contents of the files.
	CAHash, CertHash string
}

// ID identifies how connections are verified and which certificate the proxy presents: connections with different IDs
// are not interchangeable. It changes with the contents of the files, and is "" if no key is set.
func (u UpstreamTLS) ID() string {
	if u.CAPath == "" && u.ServerName == "" && u.Certificate == nil {
		return ""
	}
	return strings.Join([]string{u.CAHash, u.ServerName, u.CertHash}, " ")
}

// Texts lists the keys. A value changes with the contents of its file.
func (u UpstreamTLS) Texts() []KeyText {
	return []KeyText{
		{"upstream_ca_path", fileText(u.CAPath, u.CAHash)},
		{"upstream_server_name", u.ServerName},
		{"upstream_client_cert_path", fileText(u.Files.CertPath, u.CertHash)},
		{"upstream_client_key_path", u.Files.KeyPath},
	}
}

// fileText shows a file by its path and the beginning of its hash.
func fileText(path, hash string) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf("%s (%.8s)", path, hash)
}

// UpstreamID identifies the connections that can take each other's place: one serves any request with the same ID.
type UpstreamID struct {
	// Address is the `host:port`, Scheme "http" or "https", Protocol "http1" or "http2", and TLS the ID of the settings for
	// https; "" for http.
	Address, Scheme, Protocol, TLS string
	// Proxy is the version of the PROXY protocol at the beginning of the connections; "" for none.
	Proxy ProxyVersion
}

// UpstreamID returns the identity of the upstream at the address.
func (s Settings) UpstreamID(address string) UpstreamID {
	id := UpstreamID{Address: address, Scheme: s.UpstreamScheme, Protocol: s.UpstreamProtocol}
	if s.UpstreamScheme == "https" {
		id.TLS = s.UpstreamTLS.ID()
	}
	if s.UpstreamProxy.Named() {
		id.Proxy = s.UpstreamProxy
	}
	return id
}

// upstreamRoots are the certificates of a file of roots.
type upstreamRoots struct {
	pool *x509.CertPool
	hash string
}

// upstreamPair is a certificate that the proxy presents to upstreams.
type upstreamPair struct {
	certificate *tls.Certificate
	hash        string
}

// upstreamTLS resolves the keys about the TLS of upstreams, and reads their files.
func (v *validator) upstreamTLS(in inherited) UpstreamTLS {
	u := UpstreamTLS{
		CAPath:     v.resolvePath(orDefault(in.UpstreamCAPath, "")),
		ServerName: v.upstreamServerName(in.key("upstream_server_name"), orDefault(in.UpstreamServerName, "")),
		Files: CertificateFiles{
			CertPath: v.resolvePath(orDefault(in.UpstreamClientCertPath, "")),
			KeyPath:  v.resolvePath(orDefault(in.UpstreamClientKeyPath, "")),
		},
	}
	if u.CAPath != "" {
		roots := v.rootsOf(in.key("upstream_ca_path"), u.CAPath)
		u.Roots, u.CAHash = roots.pool, roots.hash
	}
	certKey, keyKey := in.key("upstream_client_cert_path"), in.key("upstream_client_key_path")
	switch {
	case u.Files.CertPath != "" && u.Files.KeyPath != "":
		pair := v.clientPair(certKey, keyKey, u.Files)
		u.Certificate, u.CertHash = pair.certificate, pair.hash
	case u.Files.CertPath != "":
		v.add(keyKey, "missing; write the key of the certificate in upstream_client_cert_path")
	case u.Files.KeyPath != "":
		v.add(certKey, "missing; write the certificate of the key in upstream_client_key_path")
	}
	return u
}

// upstreamServerName checks a name, which may be an IP address: a certificate may be for one.
func (v *validator) upstreamServerName(key, name string) string {
	if name == "" || isIP(name) {
		return name
	}
	name = strings.ToLower(name)
	if problem := domainProblem(name); problem != "" {
		v.addFault(key, `%s is not a valid name: %s; write the name that the upstream's certificate is for, as in "app.internal"`,
			wording.Quoted(name), problem)
	}
	return name
}

// rootsOf reads a file of roots. It reads each file only once.
func (v *validator) rootsOf(key, path string) upstreamRoots {
	roots, known := v.upstreamRoots[path]
	if known || v.failed(key) {
		return roots
	}
	text, err := ReadStableFile(path, maxCertificateBytes, nil)
	if err == nil {
		roots.pool, err = parseRoots(text, v.env.Now())
	}
	if err != nil {
		v.addFault(key, "%s: %s", wording.Quoted(path), err)
		return upstreamRoots{}
	}
	roots.hash = HashOf(text)
	v.upstreamRoots[path] = roots
	return roots
}

// parseRoots returns the certificates of a PEM text. A certificate that cannot be used is an error: requests to an
// upstream that depends on it would otherwise get 502 for no apparent reason.
func parseRoots(text []byte, now time.Time) (*x509.CertPool, error) {
	pool, count := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a damaged certificate: %w; copy it again", err)
		}
		if now.After(root.NotAfter) {
			return nil, fmt.Errorf("the certificate of the CA %s expired at %s; write the one that follows it", wording.Quoted(root.Subject.String()), wording.Time(root.NotAfter))
		}
		pool.AddCert(root)
		count++
	}
	if count == 0 {
		return nil, errors.New("holds no PEM certificate; write the file with the root certificate of the CA")
	}
	return pool, nil
}

// clientPair reads a certificate of the proxy and its key. It reads each pair only once.
func (v *validator) clientPair(certKey, keyKey string, files CertificateFiles) upstreamPair {
	pair, known := v.upstreamPairs[files]
	if known || v.failed(certKey) || v.failed(keyKey) {
		return pair
	}
	certificate, problem := LoadCertificatePair(files, v.env.Now())
	switch {
	case problem == nil:
	case problem.Key == "key_path":
		v.addFault(keyKey, "%s", problem.Problem)
		return upstreamPair{}
	default:
		v.addFault(certKey, "%s", problem.Problem)
		return upstreamPair{}
	}
	var chain []byte
	for _, der := range certificate.Certificate {
		chain = append(chain, der...)
	}
	pair = upstreamPair{certificate, HashOf(chain)}
	v.upstreamPairs[files] = pair
	return pair
}

// upstreamTLSUsed refuses TLS keys that a place sets although none of its upstreams uses TLS: they suggest that the
// connection is encrypted. settings are those of the place, and routes those of a site.
func (v *validator) upstreamTLSUsed(key string, own rawSettings, settings Settings, routes []Route) {
	used := settings.UpstreamScheme == "https"
	for _, route := range routes {
		used = used || route.Upstreams != nil && route.UpstreamScheme == "https"
	}
	if used {
		return
	}
	for _, set := range []struct {
		name  string
		value *string
	}{
		{"upstream_ca_path", own.UpstreamCAPath}, {"upstream_server_name", own.UpstreamServerName},
		{"upstream_client_cert_path", own.UpstreamClientCertPath}, {"upstream_client_key_path", own.UpstreamClientKeyPath},
	} {
		if set.value != nil && *set.value != "" {
			v.add(ChildKey(key, set.name), `has no effect without TLS to the upstream; write upstream_scheme = "https", or leave the key out`)
		}
	}
}
