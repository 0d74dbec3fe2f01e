package steps

import "crypto/tls"

func (w *World) httpsUpstream(name string) error {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.httpsUpstreamFor(name, hostOnly(address))
}

func (w *World) httpsUpstreamFor(name, list string) error {
	return w.startHTTPS(name, w.suite.ca, names(list), plain(200, name))
}

func (w *World) httpsUpstreamUntrusted(name string) error {
	other, err := newAuthority()
	if err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.startHTTPS(name, other, []string{hostOnly(address)}, plain(200, name))
}

func (w *World) httpsUpstreamWaits(name string) error {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.startHTTPS(name, w.suite.ca, []string{hostOnly(address)}, holding(plainAnswer(200, name)))
}

func (w *World) startHTTPS(name string, ca *authority, names []string, behave behaviour) error {
	cert, err := ca.pair(names...)
	if err != nil {
		return err
	}
	return w.startUpstream(name, &tls.Config{Certificates: []tls.Certificate{cert}}, behave)
}
