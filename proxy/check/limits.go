package check

import (
	"slices"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// siteLimits warns of limits of a site and its routes that have no effect, or a larger one than was probably meant.
func (c *checker) siteLimits(key string, site config.Site) {
	if site.RateFrom == config.LevelSite && site.Rate.Burst < pageRequests {
		c.warn(config.ChildKey(config.ChildKey(key, "rate_limit"), "burst"), "%d is less than what a browser asks for at once to show a page, and the rest gets 429; "+
			"write %d or more, or give the limit to the routes that need it", site.Rate.Burst, pageRequests)
	}
	bounded := site.Concurrent > 0
	for i, route := range site.Routes {
		routeKey := config.IndexKey(config.ChildKey(key, "routes"), i)
		c.healthRoute(routeKey, route)
		forwards := route.Upstreams != nil
		bounded = bounded || route.Concurrent > 0
		if route.ConcurrentFrom == config.LevelRoute && route.Concurrent > 0 && !forwards {
			c.warn(config.ChildKey(routeKey, "concurrent"), "has no effect, because the proxy answers these requests itself; leave it out")
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

// healthRoute warns of a route for the path that the proxy answers itself. The route gets requests for it only with other
// methods.
func (c *checker) healthRoute(key string, route config.Route) {
	answered := len(route.Methods) == 0 || slices.Contains(route.Methods, "GET") || slices.Contains(route.Methods, "HEAD")
	if route.Path != c.cfg.HTTPSHealthPath || !answered {
		return
	}
	name := "path"
	if route.Exact {
		name = "path_exact"
	}
	c.warn(config.ChildKey(key, name), "the proxy answers GET and HEAD for %s itself; write another https_health_path, or \"\" for none, if the route is to get them",
		wording.Quoted(route.Path))
}
