package config

import (
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reverse-proxy/proxy/wording"
)

// acme resolves the keys of ACME mode (S-2.4, S-2.19).
func (v *validator) acme(key string, raw rawTLS, cfg *TLS) {
	cfg.ACMEDNS = v.listenerDNS01(key, raw.rawDNS01)
	if raw.ACMEDomains != nil {
		cfg.ACMEDomains = v.acmeDomains(ChildKey(key, "acme_domains"), raw.ACMEDomains, cfg.ACMEDNS)
	}
	in, of := v.acmeFile, v.acmeOfFile
	cfg.ACMECacheDir = ownOr(raw.CacheDir, in.CacheDir, of.ACMECacheDir, ChildKey(key, "acme_cache_dir"), v.acmeCacheDir)
	cfg.ACMEContact = ownOr(raw.Contact, in.Contact, of.ACMEContact, ChildKey(key, "acme_contact"), v.acmeContact)
	cfg.ACMEDirectory = ownOr(raw.Directory, in.Directory, of.ACMEDirectory, ChildKey(key, "acme_directory"), v.acmeDirectory)
	cfg.ACMECAPath = ownOr(raw.CAPath, in.CAPath, of.ACMECAPath, ChildKey(key, "acme_ca_path"), v.acmeCAPath)
	cfg.ACMEProfile = ownOr(raw.Profile, in.Profile, of.ACMEProfile, ChildKey(key, "acme_profile"), v.acmeProfile)
	cfg.ACMEStart = ownOr(raw.Start, in.Start, of.ACMEStart, ChildKey(key, "acme_start"), v.acmeStart)
	cfg.ACMEStartTimeout = ownOr(raw.StartSecs, in.StartSecs, of.ACMEStartTimeout, ChildKey(key, "acme_start_timeout_secs"), v.acmeStartTimeout)
	if raw.EABKeyID == nil && raw.EABKey == nil {
		cfg.ACMEEABKeyID, cfg.ACMEEABKeyFile = of.ACMEEABKeyID, of.ACMEEABKeyFile // the two belong together
		return
	}
	cfg.ACMEEABKeyID, cfg.ACMEEABKeyFile = v.acmeEAB(ChildKey(key, "acme_eab_key_id"), raw.EABKeyID, ChildKey(key, "acme_eab_key_file"), raw.EABKey)
}

// ownOr resolves a key that the file may set for all listeners: it returns the listener's own value, else the file's,
// which is already resolved, else the default (S-2.33).
func ownOr[T, R any](own, file *T, ofFile R, key string, resolve func(key string, value *T) R) R {
	if own == nil && file != nil {
		return ofFile
	}
	return resolve(key, own)
}

// acmeTable resolves `[acme]`. It checks the values once, even if no listener uses them.
func (v *validator) acmeTable(raw rawACME) {
	v.acmeFile = raw
	of := &v.acmeOfFile
	if raw.CacheDir != nil {
		of.ACMECacheDir = v.acmeCacheDir("acme.cache_dir", raw.CacheDir)
	}
	if raw.Contact != nil {
		of.ACMEContact = v.acmeContact("acme.contact", raw.Contact)
	}
	of.ACMEDirectory = v.acmeDirectory("acme.directory", raw.Directory)
	of.ACMECAPath = v.acmeCAPath("acme.ca_path", raw.CAPath)
	of.ACMEProfile = v.acmeProfile("acme.profile", raw.Profile)
	of.ACMEStart = v.acmeStart("acme.start", raw.Start)
	of.ACMEStartTimeout = v.acmeStartTimeout("acme.start_timeout_secs", raw.StartSecs)
	of.ACMEDNS = v.dns01("acme.dns", raw.rawDNS01)
	if raw.EABKeyID != nil || raw.EABKey != nil {
		of.ACMEEABKeyID, of.ACMEEABKeyFile = v.acmeEAB("acme.eab_key_id", raw.EABKeyID, "acme.eab_key_file", raw.EABKey)
	}
}

// acmeStartTimeout resolves the time for the orders of a start (S-5.8).
func (v *validator) acmeStartTimeout(key string, value *int64) time.Duration {
	return v.seconds(key, value, 300)
}

// acmeProfile checks the name of a certificate profile. Only the CA knows which profiles exist.
func (v *validator) acmeProfile(key string, value *string) string {
	if value == nil {
		return ""
	}
	profile := v.required(key, value, `write the name of a profile that the CA offers, as in "shortlived", or leave the key out`)
	if len(profile) > 200 || strings.ContainsFunc(profile, func(r rune) bool { return r <= ' ' || r > '~' }) {
		v.add(key, `%s is not the name of a profile; write one that the CA offers, as in "shortlived"`, wording.Quoted(profile))
	}
	return profile
}

// acmeEAB checks the external account binding, which needs both keys.
func (v *validator) acmeEAB(idKey string, id *string, fileKey string, file *string) (keyID, path string) {
	keyID = v.required(idKey, id, "write the key ID that the CA gave you for the account")
	path = v.resolvePath(v.required(fileKey, file, "write the path of a file with the key that the CA gave you, in base64"))
	if path != "" {
		if _, err := ReadStableFile(path, maxCertificateBytes, nil); err != nil {
			v.add(fileKey, "%s: %s", wording.Quoted(path), err)
		}
	}
	return keyID, path
}

// acmeStart resolves `acme_start` (S-5.9).
func (v *validator) acmeStart(key string, value *string) string {
	start := orDefault(value, ACMEStartAll)
	if start != ACMEStartAll && start != ACMEStartAvailable {
		v.add(key, `%s is not a way to start; write "all" or "available"`, wording.Quoted(start))
	}
	return start
}

// acmeDomains checks the names to order certificates for: distinct host names with at least one dot, because no CA
// issues for others, IP addresses, and wildcards if there is DNS-01.
func (v *validator) acmeDomains(key string, values []string, dns DNS01) []string {
	if len(values) == 0 {
		v.add(key, `is empty; write the names to hold certificates for, as in ["git.example.com"], or leave the key out to order them for the sites`)
	}
	domains := make([]string, len(values))
	seen := make(map[string]int)
	for i, value := range values {
		elementKey := IndexKey(key, i)
		domains[i] = strings.ToLower(value)
		name, wildcard := IsWildcard(domains[i])
		if !wildcard {
			name = domains[i]
		}
		problem := hostnameProblem(name)
		address, addressProblem, isAddress := addressDomain(domains[i])
		if isAddress {
			domains[i], problem = address, addressProblem
		}
		switch {
		case wildcard && dns.Method == "":
			v.add(elementKey, "%s is a wildcard, whose certificate needs DNS-01; %s, or write each name out", wording.Quoted(value), setDNS)
		case problem != "":
			v.add(elementKey, "%s is not a valid domain: %s; write one as in \"git.example.com\"", wording.Quoted(value), problem)
		case !isAddress && !strings.Contains(name, "."):
			v.add(elementKey, "%s has no dot; a CA issues for public names only, as in \"git.example.com\"", wording.Quoted(value))
		}
		if first, ok := seen[domains[i]]; ok {
			v.add(elementKey, "%s is %s already; write each domain once", wording.Quoted(value), IndexKey(key, first))
		} else {
			seen[domains[i]] = i
		}
	}
	return domains
}

// siteDomains returns the names to order certificates for if the file does not list them: the hosts and aliases of
// the listener's sites. key is the key of the listener.
func (v *validator) siteDomains(key string, sites []Site) []string {
	if len(sites) == 0 {
		v.add(ChildKey(key, "sites"), "missing; a listener in ACME mode orders certificates for the names of its sites, or for those of acme_domains")
	}
	var domains []string
	seen := make(map[string]bool)
	for i, site := range sites {
		keys := site.NameKeys(IndexKey(ChildKey(key, "sites"), i))
		for n, name := range site.Names() {
			if name == "" || seen[name] {
				continue // the error is reported elsewhere
			}
			seen[name] = true
			if name = CertificateName(name); !strings.Contains(name, ".") && !isIP(name) {
				v.add(keys[n], "%s has no dot, and a CA issues for public names only; write one as in \"git.example.com\", or list the names to order in acme_domains", wording.Quoted(name))
			}
			domains = append(domains, name)
		}
	}
	return domains
}

// setDNS says how to enable DNS-01.
const setDNS = `set dns = "responder", "rfc2136" or "webhook" in [acme] (acme_dns in [listeners.tls])`

// noWildcards refuses wildcard names of a listener in ACME mode without DNS-01, the only challenge that proves a
// wildcard.
func (v *validator) noWildcards(key string, sites []Site) {
	for i, site := range sites {
		keys := site.NameKeys(IndexKey(ChildKey(key, "sites"), i))
		for n, name := range site.Names() {
			if _, wildcard := IsWildcard(name); wildcard {
				v.addFault(keys[n], "%s is a wildcard, whose certificate needs DNS-01; %s, write each name out, or use mode = \"manual\" with a certificate for it", wording.Quoted(name), setDNS)
			}
		}
	}
}

// DefaultACMECacheDir is the cache of a listener in ACME mode that names none.
const DefaultACMECacheDir = "/var/lib/reverse-proxy/acme"

// acmeCacheDir checks the cache's path. The directory may be missing if the proxy can create it.
func (v *validator) acmeCacheDir(key string, value *string) string {
	path := DefaultACMECacheDir
	if value != nil {
		path = v.resolvePath(v.required(key, value, `write a directory for keys and certificates, as in "/var/lib/reverse-proxy/acme"`))
	}
	if path == "" {
		return ""
	}
	existing := path
	for existing != filepath.Dir(existing) {
		if _, err := os.Lstat(existing); err == nil {
			break
		}
		existing = filepath.Dir(existing)
	}
	if problem := unwritableDir(existing); problem != "" {
		v.add(key, "%s cannot be used: %s; let the proxy's user write there", wording.Quoted(path), problem)
	}
	return path
}

// acmeContact checks that the contact is a mailto: URL of one address (S-2.19). The URL syntax also allows several
// addresses and header fields (RFC 6068), but CAs refuse them (RFC 8555, section 7.3).
func (v *validator) acmeContact(key string, value *string) string {
	const example = `as in "mailto:admin@example.com"`
	contact := v.required(key, value, "write the address that the CA reaches you at, "+example)
	if contact == "" {
		return ""
	}
	address, isMailto := strings.CutPrefix(contact, "mailto:")
	local, domain, hasAt := strings.Cut(address, "@")
	switch {
	case !isMailto:
		v.add(key, "%s does not begin with mailto:; write it %s", wording.Quoted(contact), example)
	case !hasAt || local == "" || domain == "":
		v.add(key, "%s needs a local part and a domain; write it %s", wording.Quoted(contact), example)
	case strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`,?&"<>()[]\:;`, r) }):
		v.add(key, "%s has characters that no address has; write it %s", wording.Quoted(contact), example)
	case hostnameProblem(strings.ToLower(domain)) != "":
		v.add(key, "%s has no valid domain (%s); write it %s", wording.Quoted(contact),
			hostnameProblem(strings.ToLower(domain)), example)
	}
	return contact
}

// acmeDirectory resolves the words "production" and "staging", and checks that anything else is an https URL.
func (v *validator) acmeDirectory(key string, value *string) string {
	directory := orDefault(value, "production")
	switch directory {
	case "production":
		return ACMEProductionURL
	case "staging":
		return ACMEStagingURL
	}
	parsed, err := url.Parse(directory)
	if err != nil || parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil || parsed.Fragment != "" {
		v.add(key, `%s is not an ACME directory; write "production", "staging" or an https:// URL`, wording.Quoted(directory))
	}
	return directory
}

// acmeCAPath checks that the file holds PEM certificates.
func (v *validator) acmeCAPath(key string, value *string) string {
	if value == nil {
		return ""
	}
	path := v.resolvePath(v.required(key, value, "write the path of a PEM file, or leave the key out"))
	if path == "" {
		return ""
	}
	text, err := ReadStableFile(path, maxCertificateBytes, nil)
	if err != nil {
		v.add(key, "%s: %s", wording.Quoted(path), err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
		v.add(key, "%s: holds no valid PEM certificate; name the root certificate of the ACME server", wording.Quoted(path))
	}
	return path
}

// sharedKey is a key that must be the same for all listeners with one cache directory, with its value here and at the
// first of them.
type sharedKey struct{ key, value, first string }

// sharedCacheDirs checks that ACME listeners with the same cache directory, however it is spelled or linked, have the
// same account at the same CA (S-2.24): they share its certificates, and each name is ordered once.
func (v *validator) sharedCacheDirs(listeners []Listener) {
	owners := make(map[string]int)
	for i, listener := range listeners {
		if listener.TLS.Mode != TLSModeACME || listener.TLS.ACMECacheDir == "" {
			continue
		}
		key := IndexKey("listeners", i) + ".tls"
		dir := resolvedPath(listener.TLS.ACMECacheDir)
		owner, ok := owners[dir]
		if !ok {
			owners[dir] = i
			continue
		}
		first := listeners[owner].TLS
		shared := []sharedKey{
			{"acme_directory", listener.TLS.ACMEDirectory, first.ACMEDirectory},
			{"acme_contact", listener.TLS.ACMEContact, first.ACMEContact},
			{"acme_ca_path", listener.TLS.ACMECAPath, first.ACMECAPath},
			{"acme_profile", listener.TLS.ACMEProfile, first.ACMEProfile},
			{"acme_eab_key_id", listener.TLS.ACMEEABKeyID, first.ACMEEABKeyID},
			{"acme_eab_key_file", listener.TLS.ACMEEABKeyFile, first.ACMEEABKeyFile},
		}
		theirs := first.ACMEDNS.keys()
		for k, own := range listener.TLS.ACMEDNS.keys() {
			shared = append(shared, sharedKey{own.key, own.value, theirs[k].value})
		}
		for _, shared := range shared {
			if shared.value != shared.first {
				v.add(ChildKey(key, shared.key), "differs from %s.tls.%s, and both listeners have the acme_cache_dir %s; write the same, or give this listener a directory of its own",
					IndexKey("listeners", owner), shared.key, wording.Quoted(listener.TLS.ACMECacheDir))
			}
		}
	}
}
