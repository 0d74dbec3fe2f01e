package config

import "reflect"

// The raw types mirror the TOML file, key by key: their `toml` tags are exactly the keys that exist. Pointers
// distinguish a missing key from one that is zero.

// rawFields lists the fields of a raw struct that are keys of its table, in order, those of embedded structs included. The tag
// of an embedded struct is a prefix of its keys.
func rawFields(table reflect.Type) []reflect.StructField {
	fields := make([]reflect.StructField, 0, table.NumField())
	for i := range table.NumField() {
		field := table.Field(i)
		if !field.Anonymous {
			fields = append(fields, field)
			continue
		}
		for _, inner := range rawFields(field.Type) {
			inner.Index = append([]int{i}, inner.Index...)
			inner.Tag = reflect.StructTag(`toml:"` + field.Tag.Get("toml") + inner.Tag.Get("toml") + `"`)
			fields = append(fields, inner)
		}
	}
	return fields
}

// rawConfig is the file's top level.
type rawConfig struct {
	AllowWildcardBind         *bool        `toml:"allow_wildcard_bind"`
	HealthCheckPort           *int64       `toml:"health_check_port"`
	HTTPSHealthPath           *string      `toml:"https_health_path"`
	AdminSocketPath           *string      `toml:"admin_socket_path"`
	ShutdownTimeoutSecs       *int64       `toml:"shutdown_timeout_secs"`
	ConnectionIdleTimeoutSecs *int64       `toml:"connection_idle_timeout_secs"`
	HeaderTimeoutSecs         *int64       `toml:"header_timeout_secs"`
	BodyIdleTimeoutSecs       *int64       `toml:"body_idle_timeout_secs"`
	MaxConnections            *int64       `toml:"max_connections"`
	MaxConnectionsPerClient   *int64       `toml:"max_connections_per_client"`
	Sandbox                   *string      `toml:"sandbox"`
	Logging                   rawLogging   `toml:"logging"`
	ACME                      rawACME      `toml:"acme"`
	RateLimit                 rawRateLimit `toml:"rate_limit"`
	Body                      rawBody      `toml:"body"`
	rawShared
	Listeners []rawListener `toml:"listeners"`
	Expect    []rawExpect   `toml:"expect"`
}

// rawACME is `[acme]`, the keys of ACME mode for all listeners.
type rawACME struct {
	rawACMEKeys

	Store             *string `toml:"store"`
	StoreKeyFile      *string `toml:"store_key_file"`
	StorePasswordFile *string `toml:"store_password_file"`
	StoreCAPath       *string `toml:"store_ca_path"`
}

// rawACMEKeys are the keys that `[acme]` and, with a prefix, `[listeners.tls]` have in common.
type rawACMEKeys struct {
	CacheDir  *string `toml:"cache_dir"`
	Contact   *string `toml:"contact"`
	Directory *string `toml:"directory"`
	CAPath    *string `toml:"ca_path"`
	Profile   *string `toml:"profile"`
	EABKeyID  *string `toml:"eab_key_id"`
	EABKey    *string `toml:"eab_key_file"`
	Start     *string `toml:"start"`
	StartSecs *int64  `toml:"start_timeout_secs"`
	rawDNS01
}

// rawDNS01 holds the keys of rawACMEKeys that are about DNS-01.
type rawDNS01 struct {
	DNS          *string `toml:"dns"`
	Bind         *string `toml:"dns_bind"`
	Host         *string `toml:"dns_host"`
	Server       *string `toml:"dns_server"`
	Zone         *string `toml:"dns_zone"`
	KeyName      *string `toml:"dns_key_name"`
	KeyAlgorithm *string `toml:"dns_key_algorithm"`
	KeyFile      *string `toml:"dns_key_file"`
	PresentURL   *string `toml:"dns_present_url"`
	CleanUpURL   *string `toml:"dns_cleanup_url"`
	HeaderFile   *string `toml:"dns_header_file"`
}

// rawLogging is `[logging]`.
type rawLogging struct {
	Level       *string `toml:"level"`
	Format      *string `toml:"format"`
	LogFilePath *string `toml:"log_file_path"`
}

// rawRateLimit is `[rate_limit]`.
type rawRateLimit struct {
	RequestsPerSecond    *float64 `toml:"requests_per_second"`
	Burst                *int64   `toml:"burst"`
	EvictionIntervalSecs *int64   `toml:"eviction_interval_secs"`
	EvictionAgeSecs      *int64   `toml:"eviction_age_secs"`
}

// rawBody is `[body]`.
type rawBody struct {
	LimitBytes *int64 `toml:"limit_bytes"`
}

// rawListener is one `[[listeners]]`.
type rawListener struct {
	BindAddr           oneOrMore `toml:"bind_addr"`
	HTTPPort           *int64    `toml:"http_port"`
	HTTPSPort          *int64    `toml:"https_port"`
	ProxyProtocol      *string   `toml:"proxy_protocol"`
	TrustedProxies     []string  `toml:"trusted_proxies"`
	TrustedProxiesFile *string   `toml:"trusted_proxies_file"`
	ClientIPHeader     *string   `toml:"client_ip_header"`
	TLS                rawTLS    `toml:"tls"`
	Sites              []rawSite `toml:"sites"`
}

// oneOrMore is the value of a key that takes a string or an array of strings.
type oneOrMore struct {
	// values are the strings; nil if the file does not have the key.
	values []string
	// isArray reports whether the file has an array, whose elements errors name by their index.
	isArray bool
}

// elementKey returns the key of the i-th value of the key at path.
func (o oneOrMore) elementKey(path string, i int) string {
	if o.isArray {
		return IndexKey(path, i)
	}
	return path
}

// rawTLS is `[listeners.tls]`.
type rawTLS struct {
	Mode         *string  `toml:"mode"`
	ACMEDomains  []string `toml:"acme_domains"`
	rawACMEKeys  `toml:"acme_"`
	CertPath     *string              `toml:"cert_path"`
	KeyPath      *string              `toml:"key_path"`
	Certificates []rawCertificateFile `toml:"certificates"`
}

// rawCertificateFile is one `[[listeners.tls.certificates]]`.
type rawCertificateFile struct {
	CertPath *string `toml:"cert_path"`
	KeyPath  *string `toml:"key_path"`
}

// rawSettings are the keys that inherit: a route takes from its site what it does not set, and a site from the file
// (S-2.33).
type rawSettings struct {
	UpstreamScheme             *string    `toml:"upstream_scheme"`
	UpstreamProxyProtocol      *string    `toml:"upstream_proxy_protocol"`
	UpstreamProtocol           *string    `toml:"upstream_protocol"`
	UpstreamCAPath             *string    `toml:"upstream_ca_path"`
	UpstreamServerName         *string    `toml:"upstream_server_name"`
	UpstreamClientCertPath     *string    `toml:"upstream_client_cert_path"`
	UpstreamClientKeyPath      *string    `toml:"upstream_client_key_path"`
	UpstreamConnectTimeoutSecs *int64     `toml:"upstream_connect_timeout_secs"`
	UpstreamRequestTimeoutSecs *int64     `toml:"upstream_request_timeout_secs"`
	UpstreamMaxConnections     *int64     `toml:"upstream_max_connections"`
	Balance                    *string    `toml:"balance"`
	RateLimit                  *rawRate   `toml:"rate_limit"`
	TotalRequestsPerSecond     *float64   `toml:"total_requests_per_second"`
	Concurrent                 *int64     `toml:"concurrent"`
	ConcurrentWaitSecs         *int64     `toml:"concurrent_wait_secs"`
	BodyLimitBytes             *int64     `toml:"body_limit_bytes"`
	BodyIdleTimeoutSecs        *int64     `toml:"body_idle_timeout_secs"`
	Health                     *rawHealth `toml:"health"`
	Retry                      *rawRetry  `toml:"retry"`
	rawShared
}

// rawHealth is the `health` of a site or a route.
type rawHealth struct {
	Path         *string `toml:"path"`
	IntervalSecs *int64  `toml:"interval_secs"`
	TimeoutSecs  *int64  `toml:"timeout_secs"`
	Rise         *int64  `toml:"rise"`
	Fall         *int64  `toml:"fall"`
	ExpectStatus *int64  `toml:"expect_status"`
}

// rawRetry is the `retry` of a site or a route.
type rawRetry struct {
	Attempts      *int64 `toml:"attempts"`
	BudgetPercent *int64 `toml:"budget_percent"`
}

// rawUpstream is one element of `upstreams`. A string is short for a table with an address.
type rawUpstream struct {
	Address *string `toml:"address"`
	Weight  *int64  `toml:"weight"`
	Backup  *bool   `toml:"backup"`
}

// rawShared are the settings whose keys have the same name at the top of the file.
type rawShared struct {
	MaintenanceFile  *string            `toml:"maintenance_file"`
	MaintenanceAllow []string           `toml:"maintenance_allow"`
	RequestHeaders   rawRequestHeaders  `toml:"request_headers"`
	ResponseHeaders  rawResponseHeaders `toml:"response_headers"`
	Access           rawAccess          `toml:"access"`
}

// rawAccess is `[access]`.
type rawAccess struct {
	Allow              []string `toml:"allow"`
	AllowFile          *string  `toml:"allow_file"`
	Deny               []string `toml:"deny"`
	DenyFile           *string  `toml:"deny_file"`
	BasicUsersFile     *string  `toml:"basic_users_file"`
	ForwardAuth        *string  `toml:"forward_auth"`
	ForwardAuthHeaders []string `toml:"forward_auth_headers"`
	Satisfy            *string  `toml:"satisfy"`
}

// rawRate is the `rate_limit` of a site or a route.
type rawRate struct {
	RequestsPerSecond *float64 `toml:"requests_per_second"`
	Burst             *int64   `toml:"burst"`
}

// rawSite is one `[[listeners.sites]]`.
type rawSite struct {
	Host            *string       `toml:"host"`
	Aliases         []string      `toml:"aliases"`
	RedirectAliases *bool         `toml:"redirect_aliases"`
	ClientCAPath    *string       `toml:"client_ca_path"`
	ClientCert      *string       `toml:"client_cert"`
	Upstream        *string       `toml:"upstream"`
	Upstreams       []rawUpstream `toml:"upstreams"`
	rawSettings
	Routes []rawRoute `toml:"routes"`
}

// rawRoute is one `[[listeners.sites.routes]]`.
type rawRoute struct {
	Path           *string       `toml:"path"`
	PathExact      *string       `toml:"path_exact"`
	Methods        []string      `toml:"methods"`
	Upstream       *string       `toml:"upstream"`
	StripPrefix    *bool         `toml:"strip_prefix"`
	Redirect       *string       `toml:"redirect"`
	RedirectStatus *int64        `toml:"redirect_status"`
	Respond        *int64        `toml:"respond"`
	RespondType    *string       `toml:"respond_type"`
	RespondBody    *string       `toml:"respond_body"`
	RespondFile    *string       `toml:"respond_file"`
	Upstreams      []rawUpstream `toml:"upstreams"`
	rawSettings
}

// rawExpect is one `[[expect]]`.
type rawExpect struct {
	Request  *string `toml:"request"`
	From     *string `toml:"from"`
	Listener *string `toml:"listener"`
	Route    *string `toml:"route"`
	Upstream *string `toml:"upstream"`
	Status   *int64  `toml:"status"`
	Location *string `toml:"location"`
	Site     *string `toml:"site"`
	ClientIP *string `toml:"client_ip"`
}
