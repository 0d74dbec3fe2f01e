package config

import "reverse-proxy/proxy/headers"

// fileSettings returns the settings at the file's top.
func fileSettings(raw *rawConfig) inherited {
	return inherited{}.inherit(LevelFile, "", rawSettings{
		RateLimit:      &rawRate{raw.RateLimit.RequestsPerSecond, raw.RateLimit.Burst},
		BodyLimitBytes: raw.Body.LimitBytes,
		rawShared:      raw.rawShared,
	})
}

// settings resolves the keys that inherit, for a site or a route.
func (v *validator) settings(in inherited) Settings {
	return Settings{
		UpstreamScheme:   v.upstreamScheme(in.key("upstream_scheme"), in.UpstreamScheme),
		UpstreamProtocol: v.upstreamProtocol(in),
		UpstreamTLS:      v.upstreamTLS(in),
		UpstreamProxy:    v.upstreamProxyProtocol(in.key("upstream_proxy_protocol"), in.UpstreamProxyProtocol),
		ConnectTimeout:   v.seconds(in.key("upstream_connect_timeout_secs"), in.UpstreamConnectTimeoutSecs, 5),
		RequestTimeout:   v.seconds(in.key("upstream_request_timeout_secs"), in.UpstreamRequestTimeoutSecs, 60),
		MaxConnections:   v.upstreamConnections(in.key("upstream_max_connections"), in.UpstreamMaxConnections),
		Balance:          v.balance(in.key("balance"), in.Balance),
		Health:           v.health(in),
		Retry:            v.retry(in),
		Limits:           v.limits(in),
		Maintenance:      v.maintenance(in),
		RequestHeaders:   v.headerRules(headers.Request, in, "request_headers", in.RequestHeaders),
		ResponseHeaders:  v.headerRules(headers.Response, in, "response_headers", in.ResponseHeaders),
		Access:           v.access(in),
	}
}
