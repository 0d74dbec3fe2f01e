package config

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"time"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/process"
	"reverse-proxy/proxy/wording"
)

// Environment is what validation needs to know of the machine besides its files.
type Environment struct {
	// Now returns the time at which certificates are judged.
	Now func() time.Time
	// DescriptorLimit returns the number of file descriptors that the process may have open.
	DescriptorLimit func() uint64
}

// systemEnvironment is the environment of the running process.
func systemEnvironment() Environment {
	return Environment{Now: time.Now, DescriptorLimit: processDescriptorLimit}
}

// processDescriptorLimit returns the number of descriptors that the process may open. If it is unknown, it returns
// the largest number, so that the proxy starts.
func processDescriptorLimit() uint64 {
	if limit, ok := process.DescriptorLimit(); ok {
		return limit
	}
	return ^uint64(0)
}

// validator is the state of one call of validate.
type validator struct {
	*configProblems
	env Environment
	// dir is the directory of the configuration file, from which relative paths start.
	dir string
	// connections is max_connections, the upper bound of other numbers.
	connections int
	// compiledHeaders caches the compiled header rules by their text.
	compiledHeaders map[string]*headers.Rules
	// acmeFile is `[acme]`, and acmeOfFile its values.
	acmeFile   rawACME
	acmeOfFile TLS
	// addressHosts reports whether the names of the listener's sites may be IP addresses.
	addressHosts bool
	// answerFiles caches the files of fixed answers and of maintenance by path.
	answerFiles map[string][]byte
	// networks caches the lists of networks by the key of the place that sets them.
	networks map[string][]netip.Prefix
	// upstreamRoots and upstreamPairs cache the files for the TLS of upstreams.
	upstreamRoots map[string]upstreamRoots
	upstreamPairs map[CertificateFiles]upstreamPair
	// networkFiles caches the files of networks by path.
	networkFiles map[string]networkList
	// accessOf caches the `[access]` tables.
	accessOf resolvedAccess
	// routeFields are the fields of a rawRoute. Listing them again for each of thousands of routes would cost too
	// much.
	routeFields []reflect.StructField
}

// validate turns the raw configuration into a resolved one: every default filled in, every value checked against the
// rules S-2.1 to S-2.24. It always checks everything; the result is valid only if there are no problems afterwards.
func validate(raw *rawConfig, path string, allowWildcardBind bool, env Environment, problems *configProblems) *Config {
	v := &validator{
		configProblems: problems, env: env, dir: filepath.Dir(path),
		answerFiles: map[string][]byte{}, networks: map[string][]netip.Prefix{}, accessOf: newResolvedAccess(), networkFiles: map[string]networkList{},
		upstreamRoots: map[string]upstreamRoots{}, upstreamPairs: map[CertificateFiles]upstreamPair{},
		routeFields: rawFields(reflect.TypeFor[rawRoute]()),
	}
	cfg := &Config{
		Path:                  path,
		AllowWildcardBind:     allowWildcardBind || orDefault(raw.AllowWildcardBind, false),
		HealthCheckPort:       v.port("health_check_port", raw.HealthCheckPort, 9900, 0),
		HTTPSHealthPath:       v.healthPath(raw.HTTPSHealthPath),
		AdminSocketPath:       v.adminSocketPath(raw.AdminSocketPath),
		ShutdownTimeout:       v.seconds("shutdown_timeout_secs", raw.ShutdownTimeoutSecs, 30),
		ConnectionIdleTimeout: v.seconds("connection_idle_timeout_secs", raw.ConnectionIdleTimeoutSecs, 60),
		HeaderTimeout:         v.seconds("header_timeout_secs", raw.HeaderTimeoutSecs, 10),
		BodyIdleTimeout:       v.seconds("body_idle_timeout_secs", raw.BodyIdleTimeoutSecs, 60),
		MaxConnections:        v.maxConnections(raw.MaxConnections),
		Sandbox:               v.sandbox(raw.Sandbox),
		Logging:               v.logging(raw.Logging),
		RateLimit:             v.rateLimit(raw.RateLimit),
		Body:                  v.body(raw.Body),
	}
	v.connections = cfg.MaxConnections
	file := fileSettings(raw)
	cfg.Maintenance = v.maintenance(file)
	cfg.RequestHeaders = v.headerRules(headers.Request, file, "request_headers", file.RequestHeaders)
	cfg.ResponseHeaders = v.headerRules(headers.Response, file, "response_headers", file.ResponseHeaders)
	cfg.Access = v.access(file)
	v.acmeTable(raw.ACME)
	cfg.Store = v.store(raw.ACME)
	cfg.Listeners = v.listeners(raw.Listeners, cfg.AllowWildcardBind, file)
	v.ports(cfg)
	v.uniqueHosts(cfg.Listeners)
	v.oneBoundEach(cfg.Listeners)
	v.chosenRoutes(cfg.HTTPSHealthPath, cfg.Listeners)
	v.redirectsEnd(cfg.HTTPSHealthPath, cfg.Listeners)
	v.sharedCacheDirs(cfg.Listeners)
	v.oneHostEach(cfg.Listeners)
	cfg.Expects = v.expects(raw.Expect, cfg.Listeners)
	cfg.MaxConnectionsPerClient = v.maxConnectionsPerClient(raw.MaxConnectionsPerClient, cfg.MaxConnections)
	v.descriptors(cfg)
	return cfg
}

// sandbox resolves `sandbox` (S-4.7).
func (v *validator) sandbox(value *string) bool {
	text := orDefault(value, SandboxOn)
	if text != SandboxOn && text != SandboxOff {
		v.add("sandbox", "%s is not a state; write \"on\" or \"off\"", wording.Quoted(text))
	}
	return text != SandboxOff
}

// orDefault returns the value of a key, or its default if the file does not have it.
func orDefault[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

// required returns the value of a string that must be present and not empty. Otherwise the problem names what to write,
// and the result is "".
func (v *validator) required(key string, value *string, write string) string {
	switch {
	case value == nil:
		v.add(key, "missing; %s", write)
		return ""
	case *value == "":
		v.add(key, "is empty; %s", write)
	}
	return *value
}
