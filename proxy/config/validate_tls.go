package config

import "reverse-proxy/proxy/wording"

// tls resolves `[listeners.tls]`. It looks only at the keys of the chosen mode, so that an operator who tries one
// mode can keep the keys of another.
func (v *validator) tls(key string, raw rawTLS) TLS {
	const write = `write mode = "acme", "manual" or "self_signed"`
	cfg := TLS{}
	if mode := v.required(ChildKey(key, "mode"), raw.Mode, write); mode != "" {
		cfg.Mode = TLSMode(mode)
	}
	switch cfg.Mode {
	case TLSModeACME:
		v.acme(key, raw, &cfg)
	case TLSModeManual:
		v.manual(key, raw, &cfg)
	case TLSModeSelfSigned, "":
	default:
		v.add(ChildKey(key, "mode"), "%s is no TLS mode; %s", wording.Quoted(string(cfg.Mode)), write)
	}
	return cfg
}

// manual resolves the certificate pairs of manual mode: the first from cert_path and key_path, more from the array
// of tables (S-2.5).
func (v *validator) manual(key string, raw rawTLS, cfg *TLS) {
	cfg.Certificates = []CertificateFiles{v.certificatePair(key, raw.CertPath, raw.KeyPath)}
	for i, pair := range raw.Certificates {
		pairKey := IndexKey(ChildKey(key, "certificates"), i)
		cfg.Certificates = append(cfg.Certificates, v.certificatePair(pairKey, pair.CertPath, pair.KeyPath))
	}
}

// certificatePair resolves and loads the pair of the table at key.
func (v *validator) certificatePair(key string, certPath, keyPath *string) CertificateFiles {
	files := CertificateFiles{
		CertPath: v.resolvePath(v.required(ChildKey(key, "cert_path"), certPath,
			"write the path of a PEM file with the certificate chain, the leaf first")),
		KeyPath: v.resolvePath(v.required(ChildKey(key, "key_path"), keyPath,
			"write the path of a PEM file with the certificate's private key")),
	}
	if files.CertPath == "" || files.KeyPath == "" {
		return files
	}
	if _, problem := LoadCertificatePair(files, v.env.Now()); problem != nil {
		v.add(ChildKey(key, problem.Key), "%s", problem.Problem)
	}
	return files
}
