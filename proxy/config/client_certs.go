package config

import (
	"crypto/x509"

	"reverse-proxy/proxy/wording"
)

// ClientCerts says which certificates a site accepts from clients (S-16.4). It never changes.
type ClientCerts struct {
	// CAPath is a PEM file with the CAs that may have signed the certificates, Roots holds its contents parsed, and
	// CAHash is their hash.
	CAPath string
	Roots  *x509.CertPool
	CAHash string
	// Required reports whether every client needs one.
	Required bool
}

// The values of `client_cert`.
const (
	ClientCertRequired = "required"
	ClientCertOptional = "optional"
)

// ID is different for sites that accept different certificates. It is "" for a site that asks for none.
func (c *ClientCerts) ID() string {
	if c == nil {
		return ""
	}
	return c.mode() + " " + c.CAHash
}

func (c *ClientCerts) mode() string {
	if c.Required {
		return ClientCertRequired
	}
	return ClientCertOptional
}

// Texts lists the keys. The value of the file changes with its contents.
func (c *ClientCerts) Texts() []KeyText {
	if c == nil {
		return []KeyText{{Key: "client_ca_path"}, {Key: "client_cert"}}
	}
	return []KeyText{{"client_ca_path", fileText(c.CAPath, c.CAHash)}, {"client_cert", c.mode()}}
}

// Path returns the path of the file; "" for none.
func (c *ClientCerts) Path() string {
	if c == nil {
		return ""
	}
	return c.CAPath
}

// clientCerts resolves `client_ca_path` and `client_cert` of a site; nil for none.
func (v *validator) clientCerts(key string, raw rawSite) *ClientCerts {
	modeKey, mode := ChildKey(key, "client_cert"), orDefault(raw.ClientCert, ClientCertRequired)
	if mode != ClientCertRequired && mode != ClientCertOptional {
		v.add(modeKey, `%s is not a choice; write "required" or "optional"`, wording.Quoted(mode))
	}
	pathKey := ChildKey(key, "client_ca_path")
	if raw.ClientCAPath == nil {
		if raw.ClientCert != nil {
			v.add(pathKey, "missing; write the PEM file of the CA that signs the certificates, or leave client_cert out")
		}
		return nil
	}
	c := &ClientCerts{Required: mode == ClientCertRequired}
	c.CAPath = v.resolvePath(v.required(pathKey, raw.ClientCAPath, "write the PEM file of the CA that signs the certificates, or leave the key out"))
	if c.CAPath != "" {
		roots := v.rootsOf(pathKey, c.CAPath)
		c.Roots, c.CAHash = roots.pool, roots.hash
	}
	return c
}

// anyWithCertificate refuses `satisfy = "any"` where every client has a certificate: it would let in everybody.
func (v *validator) anyWithCertificate(site Site, in inherited, key string, raws []rawRoute) {
	if site.ClientCerts == nil || !site.ClientCerts.Required {
		return
	}
	refuse := func(at string) {
		v.add(at, `"any" would let every client in, because each has a certificate; write "all", or client_cert = "optional"`)
	}
	if site.Access != nil && site.Access.Any {
		refuse(in.key("access.satisfy"))
	}
	for i, route := range site.Routes {
		if route.Access != nil && route.Access.Any {
			refuse(in.inherit(LevelRoute, IndexKey(ChildKey(key, "routes"), i), raws[i].rawSettings).key("access.satisfy"))
		}
	}
}
