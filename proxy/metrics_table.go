package proxy

// metricKind is the type of a metric family in Prometheus' terms.
type metricKind string

const (
	counterMetric   metricKind = "counter"
	gaugeMetric     metricKind = "gauge"
	histogramMetric metricKind = "histogram"
)

// metricFamily is one row of the table of all metrics.
type metricFamily struct {
	name   string
	kind   metricKind
	labels []string
	// help is one sentence on what it counts, without the full stop.
	help string
	// write writes the samples.
	write func(s *scrape, t *metricsText)
}

// metricFamilies returns the table of all metrics that GET /metrics returns, in this order. docs/metrics.md has the
// same rows.
func metricFamilies() []metricFamily {
	return []metricFamily{
		{"reverse_proxy_requests_total", counterMetric, []string{"site", "listener", "method", "status"},
			"Requests that have ended, by site, listener, method and the class of the status", writeRequests},
		{"reverse_proxy_requests_by_protocol_total", counterMetric, []string{"protocol"},
			"Requests that have ended, by the version of HTTP", writeProtocols},
		{"reverse_proxy_requests_in_flight", gaugeMetric, nil,
			"Requests whose response has not ended, including tunnels", writeInFlight},
		{"reverse_proxy_request_duration_seconds", histogramMetric, []string{"site", "listener"},
			"Time from a request's head to the end of its response, excluding tunnels", writeDurations},
		{"reverse_proxy_request_body_bytes_total", counterMetric, []string{"site", "listener"},
			"Bytes of bodies and tunnels that clients have sent, counted when the request ends", writeBytesIn},
		{"reverse_proxy_response_body_bytes_total", counterMetric, []string{"site", "listener"},
			"Bytes of bodies and tunnels that clients were sent, counted when the request ends", writeBytesOut},

		{"reverse_proxy_route_requests_total", counterMetric, []string{"site", "listener", "route", "status"},
			"Requests that a route has taken and that have ended, by site, listener, path and the class of the status", writeRouteRequests},
		{"reverse_proxy_route_request_duration_seconds", histogramMetric, []string{"site", "listener", "route"},
			"Time from a request's head to the end of its response, for the requests of a route, excluding tunnels", writeRouteDurations},
		{"reverse_proxy_route_upstream_response_duration_seconds", histogramMetric, []string{"site", "listener", "route"},
			"Time from sending a request of a route to its upstream to the head of the response", writeRouteResponses},
		{"reverse_proxy_route_upstream_errors_total", counterMetric, []string{"site", "listener", "route"},
			"Requests of a route whose upstream could not be reached or did not complete its response", writeRouteUpstreamErrors},

		{"reverse_proxy_upstream_connect_duration_seconds", histogramMetric, []string{"site", "listener"},
			"Time that connecting to an upstream took, including TLS, where it succeeded", writeConnects},
		{"reverse_proxy_upstream_response_duration_seconds", histogramMetric, []string{"site", "listener"},
			"Time from sending a request to an upstream to the head of its response", writeResponses},
		{"reverse_proxy_upstream_errors_total", counterMetric, []string{"site", "listener"},
			"Requests whose upstream could not be reached or did not complete its response", writeUpstreamErrors},
		{"reverse_proxy_upstream_connections", gaugeMetric, []string{"upstream", "state"},
			"Connections to upstreams, idle in the pool or in use", writeUpstreamConnections},
		{"reverse_proxy_upstream_connections_max", gaugeMetric, nil,
			"The most connections to upstreams that may be open (max_connections)", writeMaxUpstreamConnections},
		{"reverse_proxy_upstream_requests_waiting", gaugeMetric, nil,
			"Requests that wait for one of those connections", writeUpstreamWaiting},
		{"reverse_proxy_upstream_connections_over_share_total", counterMetric, []string{"limit"},
			"Requests that were refused or cut so that others get connections to upstreams, by the limit that they had reached", writeShares},

		{"reverse_proxy_upstream_in_service", gaugeMetric, []string{"site", "listener", "upstream"},
			"Whether an upstream is in service, for sites with several upstreams or with checks", ofEachUpstream(writeUpstreamServes)},
		{"reverse_proxy_upstream_in_service_change_timestamp_seconds", gaugeMetric, []string{"site", "listener", "upstream"},
			"When an upstream went out of service or came back, or was first known, in seconds since 1970", ofEachUpstream(writeUpstreamSince)},
		{"reverse_proxy_upstream_requests_in_flight", gaugeMetric, []string{"site", "listener", "upstream"},
			"Requests that an upstream works on", ofEachUpstream(writeUpstreamInFlight)},
		{"reverse_proxy_upstream_failed_connections_total", counterMetric, []string{"site", "listener", "upstream"},
			"Connections to an upstream that could not be made, or ended before a response", ofEachUpstream(writeUpstreamFailed)},
		{"reverse_proxy_upstream_retries_total", counterMetric, []string{"site", "listener", "upstream"},
			"Requests that came to an upstream after another one had failed", ofEachUpstream(writeUpstreamRetries)},
		{"reverse_proxy_upstream_retries_refused_total", counterMetric, []string{"site", "listener"},
			"Requests that did not go to another upstream because the site had used up its retries", ofEachBalancedSite(retriesRefused)},
		{"reverse_proxy_upstream_fail_open_total", counterMetric, []string{"site", "listener"},
			"Requests that went to an upstream although no upstream of the site was in service", ofEachBalancedSite(failOpens)},

		{"reverse_proxy_rate_limit_rejections_total", counterMetric, nil,
			"Requests that were refused by the rate limit", writeRejections},
		{"reverse_proxy_rate_limit_clients", gaugeMetric, nil,
			"Buckets that the rate limit keeps, one for each client address and limit", writeTracked},
		{"reverse_proxy_limit_rejections_total", counterMetric, []string{"site", "listener", "route", "limit"},
			"Requests that a limit has refused, by the site and the route that set it, and the kind of limit", writeLimitRejections},
		{"reverse_proxy_concurrent_requests", gaugeMetric, []string{"site", "listener", "route", "state"},
			"Requests of sites and routes with a bound on requests at once, running or waiting", writeConcurrent},
		{"reverse_proxy_concurrent_requests_max", gaugeMetric, []string{"site", "listener", "route"},
			"The most requests of a site or a route that may run at once (concurrent)", writeMaxConcurrent},
		{"reverse_proxy_access_refusals_total", counterMetric, []string{"site", "listener", "rule"},
			"Requests that the rules of access have refused, by the rule", writeAccessRefusals},
		{"reverse_proxy_password_checks_total", counterMetric, []string{"result"},
			"Passwords that clients sent for Basic authentication, by the result of the check", writePasswordChecks},

		{"reverse_proxy_connections", gaugeMetric, []string{"protocol", "state"},
			"Connections of clients, by protocol and state", writeConnections},
		{"reverse_proxy_connections_accepted_total", counterMetric, nil,
			"Connections of clients that were accepted", writeAccepted},
		{"reverse_proxy_connections_max", gaugeMetric, nil,
			"The most connections of clients that may be open (max_connections)", writeMaxConnections},
		{"reverse_proxy_connections_waiting", gaugeMetric, nil,
			"Connections that were accepted and wait for room, one for each socket whose backlog waits", writeWaiting},
		{"reverse_proxy_connections_over_share_total", counterMetric, []string{"action"},
			"Connections of clients at max_connections_per_client that were refused, or cut for others, at max_connections", writeOverShare},
		{"reverse_proxy_connections_proxy_refused_total", counterMetric, nil,
			"Connections that did not begin with a header of the PROXY protocol from a trusted proxy where proxy_protocol is required", writeProxyRefused},
		{"reverse_proxy_answers_over_share_total", counterMetric, nil,
			"HTTP/2 responses that were reset because their clients did not read them and others needed the memory", writeParked},
		{"reverse_proxy_http2_breaches_total", counterMetric, nil,
			"HTTP/2 connections that were ended because their client exceeded a bound", writeBreaches},

		{"reverse_proxy_tls_handshakes_total", counterMetric, []string{"result", "version"},
			"TLS handshakes of clients that have ended, by result and version", writeHandshakes},
		{"reverse_proxy_certificate_expiry_timestamp_seconds", gaugeMetric, []string{"listener", "name", "source"},
			"When the certificate for a name expires, in seconds since 1970", writeExpiries},
		{"reverse_proxy_certificate_expiry_warning_seconds", gaugeMetric, []string{"listener", "name", "source"},
			"How long before that a certificate should have been renewed: 14 days, or a third of its lifetime if that is less", writeExpiryWarnings},
		{"reverse_proxy_acme_attempts_total", counterMetric, []string{"result"},
			"Attempts to obtain a certificate from an ACME server", writeACMEAttempts},
		{"reverse_proxy_acme_failing_names", gaugeMetric, nil,
			"Names whose last attempt to obtain a certificate failed", writeACMEFailing},
		{"reverse_proxy_acme_next_try_timestamp_seconds", gaugeMetric, []string{"listener", "name", "reason"},
			"When the CA is asked next for a certificate for a name, and why, in seconds since 1970", writeACMENextTry},
		{"reverse_proxy_store_up", gaugeMetric, nil,
			"Whether the store that several machines share can be used; only with acme.store", writeStoreUp},
		{"reverse_proxy_dns_queries_total", counterMetric, []string{"result"},
			"Queries to the DNS responder", writeDNSQueries},

		{"reverse_proxy_config_reloads_total", counterMetric, []string{"result"},
			"Reloads of the configuration", writeReloads},
		{"reverse_proxy_config_last_reload_successful", gaugeMetric, nil,
			"Whether the last reload succeeded; 1 before the first", writeLastReload},
		{"reverse_proxy_config_last_reload_success_timestamp_seconds", gaugeMetric, nil,
			"When the configuration in use was loaded, in seconds since 1970", writeLoadedAt},
		{"reverse_proxy_sites", gaugeMetric, nil, "Sites that are served, over all listeners", writeSites},
		{"reverse_proxy_held_sites", gaugeMetric, []string{"state"},
			"Sites that an operator has put into maintenance or paused", writeHeldSites},
		{"reverse_proxy_paused_requests", gaugeMetric, nil,
			"Requests that wait for the end of a site's pause", writePausedRequests},
		{"reverse_proxy_log_lines_dropped_total", counterMetric, []string{"sink"},
			"Log lines that a sink did not accept", writeDropped},
		{"reverse_proxy_draining", gaugeMetric, nil, "Whether the process is shutting down", writeDraining},
		{"reverse_proxy_build_info", gaugeMetric, []string{"version", "revision", "go_version"},
			"What the program was built from; always 1", writeBuild},

		{"process_cpu_seconds_total", counterMetric, nil, "Processor time of the process, in seconds", writeCPU},
		{"process_resident_memory_bytes", gaugeMetric, nil, "Resident memory of the process", writeResident},
		{"process_virtual_memory_bytes", gaugeMetric, nil, "Virtual memory of the process", writeVirtual},
		{"process_open_fds", gaugeMetric, nil, "File descriptors that are open", writeOpenFiles},
		{"process_max_fds", gaugeMetric, nil, "File descriptors that may be open", writeMaxFiles},
		{"process_start_time_seconds", gaugeMetric, nil, "When the process started, in seconds since 1970", writeStart},
		{"go_goroutines", gaugeMetric, nil, "Goroutines", writeGoroutines},
		{"go_memstats_heap_alloc_bytes", gaugeMetric, nil, "Bytes of the heap's objects", writeHeap},
	}
}
