package conformance_test

import "strings"

// plainPaths are paths that can be read in one way only: at, below, above and next to the locations.
var plainPaths = strings.Fields(`
/ /index.html /a /a/ /a/b /a/b/c.css
/exact /exact/ /exact/x /exact/below /exact/below/ /exact/below/x /exac /exactly /exact.html
/dir /dir/ /dir/x /dir/x/y /dirx
/api /api/ /api/x /api/x/ /api/x/y/z /ap /apix /apix/y /api.json /api-v2 /api_ /API /Api/x /a/api /a/api/v2 /x/api/
/api/v2 /api/v2/ /api/v2/x /api/v2/x/y /api/v2x /api/v2.1 /api/v /api/v1 /api/v1/v2 /api/V2 /api/x/v2
/api/v2/health /api/v2/health/ /api/v2/health/x /api/v2/healthy /api/v2/healt /api/v2/x/health
/api/v2/admin /api/v2/admin/ /api/v2/admin/x /api/v2/admin/x/y /api/v2/adminx /api/v2/admin.php /api/v2/Admin /api/v2/x/admin
/api/admin /admin /v2 /v2/admin /health
/text /text/ /text/x /textile /textile/x /text.txt /tex /text-x/y
/slash /slash/ /slash/x /slash/x/y /slashes /slas
/strip /strip/ /strip/x /strip/x/ /strip/x/y /strip/strip /strip/strip/x /stripe /strips/x /strip/api/v2
/x~y /x-y_z /!$&'()*+,=:@ /api/!$&'()*+,=:@ /api/v2/~user /%7Euser-without
`)

// closedPaths are paths of a site that serves only what its routes take.
var closedPaths = strings.Fields(`
/ /x /pu /pub /pub/ /pub/x /pub/x/y /public /publ /pub.html /PUB
/pub/private /pub/private/ /pub/private/x /pub/privat /pub/privatex /pub/private.html /pub/x/private /private
/pub/./private /pub//private /pub/x/../private /pub/%70rivate /pub/privat%65/x /pub/private/../x /pub/private/.. /pub/private/../../x
/pub%2fprivate /pub\private /pub/private;x /pub/;x/private /pub/..;/pub/private /pub/%2e/private /pub/%2e%2e/pub/private
/./pub /../pub /x/../pub /x/..%2fpub /%70ub /pub/%zz /pub/private%00 /pub/private%3f /pub/private%23 /pub/private%20 //pub ///
`)

// spelledPaths are paths that have other spellings: each is asked for in each of spellings.
var spelledPaths = strings.Fields("/exact /dir/ /api /api/x /api/v2/x /api/v2/health /api/v2/admin /api/v2/admin/x /text/x /strip/x /other/x")

// spellings are ways to write a path with bytes that some servers decode, cut off or resolve. The first only adds a
// query, which must not matter.
var spellings = []func(path string) string{
	func(p string) string { return p + "?q=/api/../v2//x%2fy;z" },
	func(p string) string { return "/" + p },
	func(p string) string { return lastSegment(p, "//") },
	func(p string) string { return lastSegment(p, "/./") },
	func(p string) string { return lastSegment(p, "/%2e/") },
	func(p string) string { return lastSegment(p, "/y/../") },
	func(p string) string { return lastSegment(p, "/y/%2E%2e/") },
	func(p string) string { return lastSegment(p, "/y/..;/") },
	func(p string) string { return lastSegment(p, "/y%2f..%2f") },
	func(p string) string { return lastSegment(p, "%2F") },
	func(p string) string { return lastSegment(p, `\`) },
	func(p string) string { return lastSegment(p, ";v=1/") },
	func(p string) string { return "/%" + hexOf(p[1]) + p[2:] },
	func(p string) string { return p + ";jsessionid=1" },
	func(p string) string { return p + "/.." },
	func(p string) string { return p + "/../" },
	func(p string) string { return p + "/y/../.." },
	func(p string) string { return p + "/%2e%2e/y" },
	func(p string) string { return p + "/../../../y" },
	func(p string) string { return p + "%20" },
	func(p string) string { return p + "%2561" },
}

// comparedURLs returns the URLs for which both servers are asked, as host and path, each once.
func comparedURLs() []string {
	var urls []string
	seen := map[string]bool{}
	add := func(host, path string) {
		if url := host + path; !seen[url] {
			seen[url] = true
			urls = append(urls, url)
		}
	}
	for _, path := range plainPaths {
		add("open.example.test", path)
	}
	for _, path := range closedPaths {
		add("closed.example.test", path)
	}
	for _, path := range spelledPaths {
		for _, spell := range spellings {
			add("open.example.test", spell(path))
		}
	}
	return urls
}

// lastSegment puts something in the place of the slash before the last segment of a path, or after it if it is the first.
func lastSegment(path, instead string) string {
	at := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')
	if at == 0 && instead[0] != '/' {
		at, path = 1, "/"+path
	}
	return path[:at] + instead + path[at+1:]
}

// hexOf returns the two hexadecimal digits of a byte.
func hexOf(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
