package config

import (
	"slices"
	"strings"
)

// Table is one table of the configuration file, as docs/configuration.md and reverse-proxy.toml(5) describe it. Both
// are generated from Reference, and tests compare it with the raw types, the validation and the drift.
type Table struct {
	// Path is the table's name in its header, as in `listeners.tls`; "" for the top level.
	Path string
	// IsArray reports whether the table may occur several times, under a header in double brackets.
	IsArray bool
	// About describes the table in Markdown, limited to code in backticks; "" for no description.
	About string
	// Keys are the table's own keys, in the order of their description; those of inner tables are not included.
	Keys []Key
}

// Key is one key of a Table.
type Key struct {
	// Name is the key as it is written in the file.
	Name string
	// Type is what the key takes: one of the type constants below.
	Type string
	// Min and Max are the bounds of a number, both included, as TOML writes them; "" for none.
	Min, Max string
	// Values are all strings that the key takes; nil if they cannot be listed.
	Values []string
	// Default is the value of a key that is not set, as TOML writes it; "" for a key without a default.
	Default string
	// Need describes a key without a default: `required`, `required by` a mode, or `not set`.
	Need string
	// Dynamic reports whether the key takes effect at a reload; all others need a restart (S-3.4).
	Dynamic bool
	// Promise is the number, in docs/promises.md, of the promise about the key.
	Promise string
	// Text says what the key does and which values it may have, in Markdown like Table.About.
	Text string
}

// The types of keys.
const (
	booleanKey = "boolean"
	integerKey = "integer"
	numberKey  = "integer or fraction"
	stringKey  = "string"
	stringsKey = "array of strings"
	eitherKey  = "string or array of strings"
	tableKey   = "table of strings"
)

// The values of Key.Need.
const (
	requiredKey = "required"
	unsetKey    = "not set"
	// upstreamlessKey is the Need of a site's upstream, which its routes make optional.
	upstreamlessKey = "required without routes"
	// inheritedKey is the Need of a route's key that its site may set too (S-2.33).
	inheritedKey = "the site's"
	// fileKey is the Need of a site's key that the file may set too.
	fileKey = "the file's"
	// pathKey and actionKey are the Needs of keys of which a route has exactly one.
	pathKey   = "one of `path` and `path_exact`"
	actionKey = "one of `upstream`, `redirect` and `respond`"
)

// Reference describes every key of the configuration file, in the order of the file.
func Reference() []Table {
	return slices.Concat(fileReference(), headerReference(), []Table{accessReference()}, listenersReference(),
		[]Table{
			siteReference(),
			upstreamsReference("listeners.sites", "The upstreams of the site, instead of `upstream`."),
			rateReference("listeners.sites", fileKey, "A token bucket of its own for each client of the site, instead of that of `[rate_limit]`. A key that is not set is the file's."),
			healthReference("listeners.sites", ""),
			retryReference("listeners.sites", ""),
		}, headerReferenceOf("listeners.sites", "the site"),
		[]Table{
			accessReferenceOf("listeners.sites", fileKey, "the site"),
			routeReference(),
			upstreamsReference("listeners.sites.routes", "The upstreams of the route, instead of `upstream`."),
			rateReference("listeners.sites.routes", inheritedKey, "A token bucket of its own for each client of the route, instead of that of the site or of `[rate_limit]`. A key that is not set is the site's."),
			healthReference("listeners.sites.routes", inheritedKey),
			retryReference("listeners.sites.routes", inheritedKey),
		}, headerReferenceOf("listeners.sites.routes", "the requests that the route takes"),
		[]Table{accessReferenceOf("listeners.sites.routes", inheritedKey, "the requests that the route takes"), expectReference()})
}

// fileReference describes the tables before the listeners.
func fileReference() []Table {
	return []Table{
		{Path: "", About: "Write these before the first table of the file.", Keys: []Key{
			{Name: "allow_wildcard_bind", Type: booleanKey, Default: "false", Promise: "S-1.3",
				Text: "Allows `0.0.0.0` and `::` as `bind_addr`. The flag `--allow-wildcard-bind` does the same, at startup and at every reload."},
			{Name: "health_check_port", Type: integerKey, Min: "0", Max: "65535", Default: "9900", Promise: "S-9.1",
				Text: "Port on 127.0.0.1 that serves `GET /health` for supervisors and `GET /metrics` for Prometheus; `0` disables it. No listener may use the port on 127.0.0.1 or on a wildcard address."},
			{Name: "https_health_path", Type: stringKey, Default: `"/health"`, Dynamic: true, Promise: "S-6.2",
				Text: "Path that every HTTPS listener answers with 200 itself, for `GET` and `HEAD` and any host; `\"\"` disables it. Begins with `/`, without a query."},
			{Name: "admin_socket_path", Type: stringKey, Default: `"/run/reverse-proxy/admin.sock"`, Promise: "S-2.20",
				Text: "Unix socket for `reverse-proxy reload`, `status`, `diff` and `reopen`; `\"\"` disables it. Absolute, without `..`, at most 107 bytes."},
			secondsKey("shutdown_timeout_secs", "30", false, "S-11.1", "How long a shutdown waits for requests in flight."),
			secondsKey("connection_idle_timeout_secs", "60", false, "S-12.1", "A connection without a request in flight is closed after this time."),
			secondsKey("header_timeout_secs", "10", false, "S-12.4", "Time limit for a TLS handshake, and for receiving a request head."),
			secondsKey("body_idle_timeout_secs", "60", false, "S-6.9",
				"Ends a request or response if no byte of its body has moved for this long. A body that keeps moving is never cut."),
			{Name: "max_connections", Type: integerKey, Min: "1", Max: "1073741824", Default: "1024", Promise: "S-2.22",
				Text: "The most client connections at once, and the most connections to upstreams at once. The process's limit of file descriptors (`ulimit -n`, `LimitNOFILE=`) must be at least twice this number, plus two for each address of a listener and 64."},
			{Name: "max_connections_per_client", Type: integerKey, Min: "1", Need: unsetKey, Promise: "S-12.6",
				Text: "The most connections that one client, an IPv4 address or a /64 of IPv6, may hold while others wait because `max_connections` is reached. While nobody waits, one client may hold all. At most `max_connections`; if not set, a quarter of it, at least 1."},
			{Name: "sandbox", Type: stringKey, Values: []string{"on", "off"}, Default: `"on"`, Promise: "S-4.7",
				Text: "`on`: when it begins to serve, the process gives up the privileges and the access to files and sockets that this configuration does not need. It uses Landlock, as far as the kernel supports it. `off`: it keeps them."},
			{Name: "maintenance_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-14.9",
				Text: "File whose contents clients get with a 503 while a site is in maintenance by `reverse-proxy maintenance`: HTML, or text or JSON if its name ends in `.txt` or `.json`; at most 1 MiB. Read at the start and at every reload."},
			{Name: "maintenance_allow", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-14.9",
				Text: "Networks and addresses of clients that are still served while a site is in maintenance."},
		}},
		{Path: "logging", Keys: []Key{
			{Name: "level", Type: stringKey, Values: []string{"trace", "debug", "info", "warn", "error"}, Default: `"info"`, Promise: "S-8.2",
				Text: "The least severe level that is written: `trace`, `debug`, `info`, `warn` or `error`."},
			{Name: "format", Type: stringKey, Values: []string{"text", "json"}, Default: `"text"`, Promise: "S-8.2",
				Text: "`text` (`key=value`) or `json`."},
			{Name: "log_file_path", Type: stringKey, Need: unsetKey, Promise: "S-2.23",
				Text: "A file to write the log to, in addition to standard output. Absolute; its directory must exist and be writable."},
		}},
		acmeReference(),
		{Path: "rate_limit", About: "A token bucket for each client: an IPv4 address, or a /64 of IPv6.", Keys: []Key{
			{Name: "requests_per_second", Type: numberKey, Min: "0.0001", Max: "1000000000", Default: "100", Dynamic: true, Promise: "S-2.8",
				Text: "Requests per second that a client may make on average: the rate at which its bucket fills."},
			{Name: "burst", Type: integerKey, Min: "1", Max: "1000000000", Default: "1000", Dynamic: true, Promise: "S-2.8",
				Text: "Requests that a client may make at once: the size of its bucket."},
			secondsKey("eviction_interval_secs", "60", true, "S-7.3", "Time between two sweeps that forget silent clients."),
			secondsKey("eviction_age_secs", "300", true, "S-7.3", "A sweep forgets clients that have been silent for this long."),
		}},
		{Path: "body", Keys: []Key{
			{Name: "limit_bytes", Type: integerKey, Min: "0", Default: "104857600", Dynamic: true, Promise: "S-2.9",
				Text: "The largest request body, in bytes, for all sites; 100 MiB if not set, `0` for no limit. A larger one gets 413."},
		}},
	}
}

// acmeReference describes the keys of ACME mode for all listeners. Each means the same as the listener's key of that
// name.
func acmeReference() Table {
	table := Table{Path: "acme", About: "What all listeners in mode `acme` have in common. A key `x` is the default of `acme_x` in `[listeners.tls]`. The keys of the store have no counterpart there."}
	defaults := map[string]string{"acme_cache_dir": `"/var/lib/reverse-proxy/acme"`, "acme_directory": `"production"`, "acme_start": `"all"`, "acme_start_timeout_secs": "300", "acme_dns_key_algorithm": `"hmac-sha256"`}
	for _, key := range tlsReference().Keys {
		name, ok := strings.CutPrefix(key.Name, "acme_")
		if !ok || name == "domains" {
			continue
		}
		key.Text = "As `" + key.Name + "` of a listener."
		if key.Values != nil {
			key.Text = "As `" + key.Name + "` of a listener: `" + strings.Join(key.Values, "` or `") + "`."
		}
		key.Default = defaults[key.Name]
		switch {
		case key.Default != "":
			key.Need = ""
		case slices.Contains([]string{"acme_dns_server", "acme_dns_key_name", "acme_dns_key_file"}, key.Name):
			key.Need = "required by `rfc2136`"
		case key.Need == fileKey:
			key.Need = unsetKey
		}
		key.Need = strings.Replace(key.Need, "`acme_", "`", 1)
		key.Name = name
		table.Keys = append(table.Keys, key)
	}
	table.Keys = append(table.Keys, storeReference()...)
	return table
}

// storeReference describes the keys of the store, which belong to the machine and not to a listener.
func storeReference() []Key {
	return []Key{
		{Name: "store", Type: stringKey, Need: "required with `store_key_file`", Promise: "S-20.5",
			Text: "URL of a Redis (5 or later) or Valkey server that several machines share: `redis://host:6379/0`, or `rediss://` for TLS, with `user:password@` before the host if it needs them. One machine orders each certificate, all serve it, and sessions resume on any. See [A second machine](second-machine.md)."},
		{Name: "store_key_file", Type: stringKey, Default: `"store.key"`, Promise: "S-20.5",
			Text: "File with at least 32 random bytes, the same on all machines and for nobody else to read: everything is encrypted with it before it is sent to the store. A relative path, as of the default, begins at the directory of the configuration file."},
		{Name: "store_password_file", Type: stringKey, Need: unsetKey, Promise: "S-20.5",
			Text: "File with the password of the store, if the URL has none. It is read for each connection, so that a password that was replaced needs no restart."},
		{Name: "store_ca_path", Type: stringKey, Need: unsetKey, Promise: "S-20.5",
			Text: "PEM file of root certificates to trust for the store with `rediss://`; the system's if not set."},
	}
}

// listenersReference describes the tables of listeners, without the tables of their sites.
func listenersReference() []Table {
	return []Table{
		listenerReference(),
		tlsReference(),
		{Path: "listeners.tls.certificates", IsArray: true, About: "More pairs for a listener in mode `manual`.", Keys: []Key{
			{Name: "cert_path", Type: stringKey, Need: requiredKey, Promise: "S-5.3", Text: "As above."},
			{Name: "key_path", Type: stringKey, Need: requiredKey, Promise: "S-5.3", Text: "As above."},
		}},
	}
}

// secondsKey describes a key that the validator's seconds resolves.
func secondsKey(name, otherwise string, dynamic bool, promise, text string) Key {
	return Key{Name: name, Type: integerKey, Min: "1", Max: "86400", Default: otherwise, Dynamic: dynamic, Promise: promise, Text: text}
}

func listenerReference() Table {
	return Table{Path: "listeners", IsArray: true,
		About: "At least one table: each has its own addresses and its own set of sites. No two sockets may conflict: a wildcard address takes its port on every address of " +
			"its family, and `::` takes it on IPv4 addresses as well.",
		Keys: []Key{
			{Name: "bind_addr", Type: eitherKey, Need: requiredKey, Promise: "S-2.2",
				Text: "The IP address to listen on, IPv6 without brackets, or an array of addresses, as in `[\"203.0.113.10\", \"2001:db8::10\"]`. Each has both ports, and all serve the same sites with the same certificates. The first address with the `https_port` is the listener's name in the log, in the metrics and in `status`. A wildcard needs `allow_wildcard_bind`."},
			{Name: "http_port", Type: integerKey, Min: "0", Max: "65535", Default: "80", Promise: "S-13.1",
				Text: "Port that redirects to HTTPS and answers HTTP-01 challenges; `0` disables it."},
			{Name: "https_port", Type: integerKey, Min: "1", Max: "65535", Default: "443", Promise: "S-2.12",
				Text: "Port that serves the sites. Must differ from `http_port`."},
			{Name: "proxy_protocol", Type: stringKey, Values: []string{"off", "required"}, Default: `"off"`, Promise: "S-15.3",
				Text: "`required`: each connection to either port begins with a header of the PROXY protocol, version 1 or 2, which names the client; it may come only from `trusted_proxies`, and within `header_timeout_secs`. `off`: none does."},
			{Name: "trusted_proxies", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-15.1",
				Text: "Networks and addresses of the proxies to trust: for a request from one of them, the client is the last address in `client_ip_header` that is not one of them. `max_connections_per_client` does not apply to them."},
			{Name: "trusted_proxies_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-15.1",
				Text: "File with more of them: a network or an address on each line, at most 100,000; `#` begins a comment. Read at the start and at every reload."},
			{Name: "client_ip_header", Type: stringKey, Default: `"X-Forwarded-For"`, Dynamic: true, Promise: "S-15.1",
				Text: "The field in which the trusted proxies name the client: a list to which each appends, or one with a single address, such as `CF-Connecting-IP`. `\"\"`: none. It is read only in requests from trusted proxies."},
		}}
}

func tlsReference() Table {
	return Table{Path: "listeners.tls", About: "Only the keys of the chosen mode are read.", Keys: []Key{
		{Name: "mode", Type: stringKey, Values: []string{"acme", "manual", "self_signed"}, Need: requiredKey, Promise: "S-5.4",
			Text: "`acme`: certificates are ordered from an ACME server. `manual`: they are read from files. `self_signed`: one is created in memory for the listener's sites, for trying things out; no client trusts it. With more than 100 names, each gets its own at its first handshake."},
		{Name: "acme_domains", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-2.4",
			Text: "Names to order certificates for, one certificate for each; if not set, the hosts and aliases of the listener's sites. A name must be public and have a dot. An IP address needs `acme_profile` to be `shortlived` at Let's Encrypt. A wildcard, as in `*.apps.example.com`, needs `acme_dns`. A reload that adds names orders their certificates first, and is refused if one cannot be obtained."},
		{Name: "acme_cache_dir", Type: stringKey, Need: fileKey, Promise: "S-2.24",
			Text: "Directory for the account key, the keys and the certificates. Created with mode 0700 if missing. Listeners with the same one share their certificates, and need the same directory, contact and account."},
		{Name: "acme_contact", Type: stringKey, Need: fileKey, Promise: "S-2.19",
			Text: "Where the CA can reach you: `mailto:` and one address. Required, here or in `[acme]`."},
		{Name: "acme_directory", Type: stringKey, Need: fileKey, Promise: "S-5.4",
			Text: "`production` or `staging` of Let's Encrypt, or the `https://` URL of another directory."},
		{Name: "acme_ca_path", Type: stringKey, Need: fileKey, Promise: "S-5.4",
			Text: "PEM file of root certificates to trust for the ACME server itself, for a private CA or Pebble."},
		{Name: "acme_profile", Type: stringKey, Need: fileKey, Promise: "S-5.12",
			Text: "Certificate profile to order, as in `shortlived`; the CA must offer it. If not set, the CA chooses."},
		{Name: "acme_eab_key_id", Type: stringKey, Need: "required with `acme_eab_key_file`", Promise: "S-5.12",
			Text: "Key ID of an external account binding, for a CA that requires one."},
		{Name: "acme_eab_key_file", Type: stringKey, Need: "required with `acme_eab_key_id`", Promise: "S-5.12",
			Text: "File with the key of the external account binding, in base64, as the CA issues it."},
		{Name: "acme_start", Type: stringKey, Values: []string{"all", "available"}, Need: fileKey, Promise: "S-5.9",
			Text: "`all`: a name for which no certificate can be obtained fails the start. `available`: the start goes on without it, its handshakes fail, and it is tried again in the background; if the cache has any certificate, the start does not wait for the CA."},
		{Name: "acme_start_timeout_secs", Type: integerKey, Min: "1", Max: "86400", Need: fileKey, Promise: "S-5.8",
			Text: "The longest time that the orders of a start, or of a reload that adds names, may take."},
		{Name: "acme_dns", Type: stringKey, Values: []string{"responder", "rfc2136", "webhook"}, Need: fileKey, Promise: "S-20.4",
			Text: "How the DNS gets the records that prove wildcard names to the CA (DNS-01). `responder`: the proxy answers for them itself, at `acme_dns_bind`. `rfc2136`: it sends them to a name server. `webhook`: it asks a program of yours. Only the keys of the chosen method are read. Names without a wildcard are still proved without the DNS."},
		{Name: "acme_dns_bind", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`responder`, required there: the IP address and the port at which DNS queries are answered, over UDP and TCP, as in `203.0.113.10:53`. It answers for `_acme-challenge` names only."},
		{Name: "acme_dns_host", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`responder`: the name of this machine, as in `edge.example.net`. If it is set, `_acme-challenge.edge.example.net` is answered for too, with all names below it: CNAME records of other domains may point there."},
		{Name: "acme_dns_server", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`rfc2136`, required there: the host and the port of the primary name server, as in `192.0.2.53:53`. Updates go there over TCP."},
		{Name: "acme_dns_zone", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`rfc2136`: the zone that has the records. If not set, the proxy asks the server."},
		{Name: "acme_dns_key_name", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`rfc2136`, required there: the name of the TSIG key that signs the updates."},
		{Name: "acme_dns_key_algorithm", Type: stringKey, Values: []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}, Need: fileKey, Promise: "S-20.4",
			Text: "`rfc2136`: the algorithm of the key: `hmac-sha256`, `hmac-sha384` or `hmac-sha512`."},
		{Name: "acme_dns_key_file", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`rfc2136`, required there: a file with the secret of the key, in base64. It is read for each update, so that a secret that was replaced needs no restart."},
		{Name: "acme_dns_present_url", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`webhook`, required there: the URL to which `{\"fqdn\": …, \"value\": …}` is posted for a record to add."},
		{Name: "acme_dns_cleanup_url", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`webhook`, required there: the URL for a record to remove."},
		{Name: "acme_dns_header_file", Type: stringKey, Need: fileKey, Promise: "S-20.4",
			Text: "`webhook`: a file with a header field for these requests on one line, as in `Authorization: Bearer SECRET`. It is read for each request, so that a secret that was replaced needs no restart."},
		{Name: "cert_path", Type: stringKey, Need: "required by `manual`", Promise: "S-2.5",
			Text: "PEM file of a certificate chain, the leaf first, not expired. A reload reads it again."},
		{Name: "key_path", Type: stringKey, Need: "required by `manual`", Promise: "S-2.5",
			Text: "PEM file of the matching private key, not encrypted. A reload reads it again."},
	}}
}

func siteReference() Table {
	return Table{Path: "listeners.sites", IsArray: true, About: "A reload adds, changes and removes sites.", Keys: append([]Key{
		{Name: "host", Type: stringKey, Need: requiredKey, Dynamic: true, Promise: "S-2.16",
			Text: "The name that is served, without a port; no underscore; an IP address only in mode `acme`. International names in their `xn--` form. Case does not matter. Each name may appear only once in a listener. `*.apps.example.com` serves every name with exactly one label in place of the `*` that no site names in full; in mode `acme` it needs `acme_dns`."},
		{Name: "aliases", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-14.1",
			Text: "Further names of the site, like `host`. They are in the certificate too, if that is ordered or made for the sites."},
		{Name: "redirect_aliases", Type: booleanKey, Default: "false", Dynamic: true, Promise: "S-14.6",
			Text: "`true`: a request for an alias is answered with 308 and the same path and query at `host`. `false`: it is served like one for `host`."},
		{Name: "client_ca_path", Type: stringKey, Need: "required with `client_cert`", Dynamic: true, Promise: "S-16.4",
			Text: "PEM file of the CAs that sign the certificates of clients. Handshakes for the site then ask for one. It is read at the start and at every reload. Lists of revoked certificates (CRLs) are not checked."},
		{Name: "client_cert", Type: stringKey, Values: []string{"required", "optional"}, Default: `"required"`, Dynamic: true, Promise: "S-16.4",
			Text: "`required`: a handshake without a valid certificate fails. `optional`: a client may have none; an invalid one fails. The upstream gets `X-Client-Cert-Subject` and `X-Client-Cert-Fingerprint` (SHA-256) of a certificate."},
		{Name: "upstream", Type: stringKey, Need: upstreamlessKey, Dynamic: true, Promise: "S-2.17",
			Text: "`host:port` to forward to: a DNS name, an IPv4 address or an IPv6 address in brackets; or `unix:` and the absolute path of a Unix socket, as in `unix:/run/app.sock`. A name is looked up at its first request, at every reload and every 30 seconds. It gets the requests that no route takes; without it, they get 404. For several upstreams write `upstreams` instead."},
	}, settingsReference()...)}
}

// settingsReference describes the keys of rawSettings.
func settingsReference() []Key {
	return []Key{
		{Name: "upstream_scheme", Type: stringKey, Values: []string{"http", "https"}, Default: `"http"`, Dynamic: true, Promise: "S-2.18",
			Text: "`http` or `https`. With `https` the upstream's certificate is verified against the system's root certificates, or those of `SSL_CERT_FILE`, unless `upstream_ca_path` is set."},
		{Name: "upstream_proxy_protocol", Type: stringKey, Values: []string{"off", "v1", "v2"}, Default: `"off"`, Dynamic: true, Promise: "S-15.4",
			Text: "`v1` or `v2`: connections to the upstream begin with a header of the PROXY protocol, which names the client. Such a connection is never used for another client: it stays with the client's own HTTP/1.1 connection, or is closed after the request. `off`: none is sent."},
		{Name: "upstream_protocol", Type: stringKey, Values: []string{"http1", "http2"}, Default: `"http1"`, Dynamic: true, Promise: "S-18.7",
			Text: "`http1`: HTTP/1.1, with one request at a time on each connection. `http2`: HTTP/2, with many requests on each connection, for gRPC and for applications that speak it: with `https` negotiated by ALPN, otherwise by prior knowledge (h2c). WebSockets and NTLM need `http1`."},
		{Name: "upstream_ca_path", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-18.11",
			Text: "PEM file with the root certificates of a private CA. The upstream's certificate is verified against these and no others. Read at the start and at every reload, like the next two files; a relative path starts from the directory of the configuration file. Needs `https`."},
		{Name: "upstream_server_name", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-18.11",
			Text: "The name that the upstream's certificate must have, and that the upstream gets as SNI; an IP address is not sent. If not set, the host of the upstream. Needs `https`."},
		{Name: "upstream_client_cert_path", Type: stringKey, Need: "required with `upstream_client_key_path`", Dynamic: true, Promise: "S-18.11",
			Text: "PEM file with the certificate, and its chain, that the proxy presents to an upstream that asks for one. Needs `https`."},
		{Name: "upstream_client_key_path", Type: stringKey, Need: "required with `upstream_client_cert_path`", Dynamic: true, Promise: "S-18.11",
			Text: "PEM file with the private key of that certificate, without a passphrase."},
		secondsKey("upstream_connect_timeout_secs", "5", true, "S-6.9", "Time limit for connecting, including the upstream's TLS handshake; then 504."),
		secondsKey("upstream_request_timeout_secs", "60", true, "S-6.9", "Time limit from the last byte of the request to the head of the response; then 504."),
		{Name: "upstream_max_connections", Type: integerKey, Min: "1", Need: unsetKey, Dynamic: true, Promise: "S-12.6",
			Text: "The most connections to the upstream, including idle ones. Further requests wait, and get 503 after `upstream_connect_timeout_secs`. While others wait, one client may hold a quarter of them. Sites and routes with the same upstream must have the same value. If not set, the upstream may use all `max_connections`, and half of them while others wait."},
		{Name: "balance", Type: stringKey, Values: []string{BalanceLeastRequests, BalanceRoundRobin, BalanceClient, BalanceCookie}, Default: `"least_requests"`, Dynamic: true, Promise: "S-18.1",
			Text: "How one of several upstreams is chosen for a request. `least_requests`: of two random ones, the one with fewer requests in progress for its weight. `round_robin`: each in turn. `client`: a client, an IPv4 address or a /64 of IPv6, keeps its upstream. `cookie`: a browser keeps the upstream of its first request, by the cookie `__Host-rp`."},
		{Name: "total_requests_per_second", Type: numberKey, Min: "0", Max: "1000000000", Need: unsetKey, Dynamic: true, Promise: "S-17.1",
			Text: "Requests per second of all clients together, with a burst of one second's requests; then 429. One client gets at most half of the burst while others ask. `0` for no limit. Routes that do not set it themselves share it with the rest of the site."},
		{Name: "concurrent", Type: integerKey, Min: "0", Need: unsetKey, Dynamic: true, Promise: "S-17.1",
			Text: "Requests of all clients that the upstream works on at once, up to `max_connections`. A WebSocket counts for as long as it lasts. Further requests wait, and the clients take turns. `0` for no bound. Routes that do not set it themselves share it with the rest of the site."},
		{Name: "concurrent_wait_secs", Type: integerKey, Min: "0", Max: "86400", Need: unsetKey, Dynamic: true, Promise: "S-17.1",
			Text: "Time that a request waits for `concurrent`; then 503. If not set, 5 seconds; `0`: it does not wait."},
		{Name: "body_limit_bytes", Type: integerKey, Min: "0", Need: fileKey, Dynamic: true, Promise: "S-17.1",
			Text: "The largest request body, in bytes, instead of `limit_bytes` of `[body]`; `0` for no limit. A larger one gets 413."},
		{Name: "body_idle_timeout_secs", Type: integerKey, Min: "1", Max: "86400", Need: fileKey, Dynamic: true, Promise: "S-17.1",
			Text: "Ends a request in which no byte of a body, or of a WebSocket, has moved in either direction for this long, instead of the file's `body_idle_timeout_secs`. A terminal in the browser needs a long one."},
		{Name: "maintenance_file", Type: stringKey, Need: fileKey, Dynamic: true, Promise: "S-14.9",
			Text: "As at the top of the file; `\"\"` for no file."},
		{Name: "maintenance_allow", Type: stringsKey, Need: fileKey, Dynamic: true, Promise: "S-14.9",
			Text: "As at the top of the file, whose networks it replaces. On a route, `[\"0.0.0.0/0\", \"::/0\"]` keeps the route served for all clients."},
	}
}

// rateReference describes the `rate_limit` of a site or a route.
func rateReference(of, need, about string) Table {
	return Table{Path: of + ".rate_limit", About: about, Keys: []Key{
		{Name: "requests_per_second", Type: numberKey, Min: "0.0001", Max: "1000000000", Need: need, Dynamic: true, Promise: "S-7.6",
			Text: "As in `[rate_limit]`."},
		{Name: "burst", Type: integerKey, Min: "1", Max: "1000000000", Need: need, Dynamic: true, Promise: "S-7.6",
			Text: "As in `[rate_limit]`."},
	}}
}
