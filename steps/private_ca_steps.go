package steps

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func (w *World) privateCASteps() []step {
	return []step{
		{`a private CA {string}`, w.makePrivateCA, "One that the daemon's system does not trust. Its certificate is `${cert:NAME}`; used again for the same name, it replaces the CA and the file."},
		{`the private CA {string} issues the certificate {string}`, w.issueOf, "For a client. Its files are `${cert:NAME}` and `${key:NAME}`."},
		{`the private CA {string} issues the certificate {string}, which is valid for {int} seconds`, w.issueShortOf, ""},
		{`an HTTPS upstream {string} with a certificate of the private CA {string} for {string}`, w.upstreamOf, ""},
		{`an HTTPS upstream {string} with a certificate of the private CA {string} for {string}, which demands one of clients`, w.upstreamDemandsOf, "It must be one of the same CA."},
	}
}

func (w *World) makePrivateCA(name string) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	w.privateCAs[name] = ca
	if err := os.MkdirAll(filepath.Dir(w.certPath(name)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(w.certPath(name), ca.pem, 0o600)
}

// privateCA returns the CA of that name.
func (w *World) privateCA(name string) (*authority, error) {
	if ca := w.privateCAs[name]; ca != nil {
		return ca, nil
	}
	return nil, fmt.Errorf("there is no private CA %q", name)
}

func (w *World) issueOf(name, certificateName string) error {
	return w.issueShortOf(name, certificateName, 24*60*60)
}

func (w *World) issueShortOf(name, certificateName string, seconds int) error {
	ca, err := w.privateCA(name)
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	return w.writeCertificateOf(ca, certificateName, certificate{names: []string{certificateName}, notAfter: end})
}

func (w *World) upstreamOf(name, ca, list string) error {
	issuer, err := w.privateCA(ca)
	if err != nil {
		return err
	}
	return w.startHTTPS(name, issuer, names(list), plain(200, name))
}

func (w *World) upstreamDemandsOf(name, ca, list string) error {
	issuer, err := w.privateCA(ca)
	if err != nil {
		return err
	}
	cert, err := issuer.pair(names(list)...)
	if err != nil {
		return err
	}
	return w.startUpstream(name, &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: issuer.pool,
	}, plain(200, name))
}
