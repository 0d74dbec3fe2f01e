package check

import "reverse-proxy/proxy/config"

// siteLimits warns of limits of a site and its routes that do nothing, or more than was probably meant.
func (c *checker) siteLimits(key string, site config.Site) {
	if site.RateFrom == config.LevelSite && site.Rate.Burst < pageRequests {
		c.warn(config.ChildKey(config.ChildKey(key, "rate_limit"), "burst"), "%d is less than what a browser asks for at once to show a page, and the rest gets 429; "+
			"write %d or more, or give the limit to the routes that need it", site.Rate.Burst, pageRequests)
	}
	bounded := site.Concurrent > 0
	for i, route := range site.Routes {
		routeKey := config.IndexKey(config.ChildKey(key, "routes"), i)
		forwards := route.Upstream != ""
		bounded = bounded || route.Concurrent > 0
		if route.ConcurrentFrom == config.LevelRoute && route.Concurrent > 0 && !forwards {
			c.warn(config.ChildKey(routeKey, "concurrent"), "bounds nothing, as the proxy answers these requests itself; leave it out")
		}
		if route.WaitFrom == config.LevelRoute && (route.Concurrent == 0 || !forwards) {
			c.uselessWait(routeKey)
		}
	}
	if site.WaitFrom == config.LevelSite && !bounded {
		c.uselessWait(key)
	}
}

// uselessWait warns of a time to wait where nothing waits.
func (c *checker) uselessWait(key string) {
	c.warn(config.ChildKey(key, "concurrent_wait_secs"), "has no effect, as nothing waits; write concurrent too, or leave it out")
}
