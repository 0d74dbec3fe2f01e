package check

import (
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// upstreamTLS warns of a certificate for upstreams that expires soon, or that the daemon's user cannot read. Validation
// has checked that it fits its key and has not expired. Routes that inherit it from their site cause no further
// warning.
func (c *checker) upstreamTLS(key string, of config.UpstreamTLS, warned map[string]bool) {
	certPath := of.Files.CertPath
	seen := warned["upstream_client_cert_path"+certPath]
	for _, file := range []struct{ name, path string }{
		{"upstream_ca_path", of.CAPath}, {"upstream_client_cert_path", certPath}, {"upstream_client_key_path", of.Files.KeyPath},
	} {
		if !warned[file.name+file.path] {
			warned[file.name+file.path] = true
			c.readable(config.ChildKey(key, file.name), file.path)
		}
	}
	if of.Certificate != nil && !seen {
		at, leaf := c.env.now(), of.Certificate.Leaf
		if left := leaf.NotAfter.Sub(at); left < cert.WarnBefore(leaf.NotBefore, leaf.NotAfter) {
			c.warn(config.ChildKey(key, "upstream_client_cert_path"), "the certificate for %s, which the upstream is shown, expires at %s, in %s; renew it, and reload",
				config.CertificateNames(leaf), wording.Time(leaf.NotAfter), wording.Duration(left))
		}
		if at.Before(leaf.NotBefore) {
			c.warn(config.ChildKey(key, "upstream_client_cert_path"), "the certificate for %s, which the upstream is shown, is not valid before %s; look at the clock, or wait until then",
				config.CertificateNames(leaf), wording.Time(leaf.NotBefore))
		}
	}
}
