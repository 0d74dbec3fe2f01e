package steps

import "crypto/tls"

func (w *World) socketUpstreamSteps() []step {
	return []step{
		{`an upstream {string} at the Unix socket {string}`, w.upstreamAtSocket, "Its address, `${upstream:NAME}`, is `unix:` and the path."},
		{`an HTTPS upstream {string} at the Unix socket {string} with a certificate of the private CA {string} for {string}`, w.httpsUpstreamAtSocket, ""},
	}
}

func (w *World) upstreamAtSocket(name, path string) error {
	return w.startUpstreamAt(name, "unix:"+w.path(path), nil, plain(200, name))
}

func (w *World) httpsUpstreamAtSocket(name, path, ca, list string) error {
	issuer, err := w.privateCA(ca)
	if err != nil {
		return err
	}
	cert, err := issuer.pair(names(list)...)
	if err != nil {
		return err
	}
	return w.startUpstreamAt(name, "unix:"+w.path(path), &tls.Config{Certificates: []tls.Certificate{cert}}, plain(200, name))
}
