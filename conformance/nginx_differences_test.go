package conformance_test

import (
	"strings"
	"testing"
)

// nginxDifference is why nginx and the daemon answer some paths differently.
type nginxDifference struct {
	why string
	// forwards reports whether the daemon forwards the paths. Otherwise it answers 400.
	forwards bool
	// paths are lines with a URL, and what nginx and the daemon answer.
	paths string
}

// nginxDifferences are all differences that TestRoutesTakeWhatTheSameLocationsOfNginxTake may find. Most are paths with which
// nginx chooses by another spelling than the one that it forwards (S-14.3).
var nginxDifferences = []nginxDifference{
	{
		why:      "nginx compares letters: `location /text` takes /textile as well. A route takes whole segments.",
		forwards: true,
		paths: `
open.example.test/textile | text /textile | root /textile
open.example.test/textile/x | text /textile/x | root /textile/x
open.example.test/text.txt | text /text.txt | root /text.txt
open.example.test/text-x/y | text /text-x/y | root /text-x/y
`,
	},
	{
		why: "A location that ends with a slash and has a proxy_pass redirects the path without the slash. Here a " +
			"directory is one route, and /dir/ with path_exact is only /dir/.",
		forwards: true,
		paths: `
open.example.test/dir | 301 | root /dir
open.example.test/slash | 301 | slash /slash
`,
	},
	{
		why: "nginx refuses a path that leaves the root, whatever its locations. Here every reading of these paths " +
			"leads to the same upstream, which gets the path as it came.",
		forwards: true,
		paths: `
open.example.test/exact/../../../y | 400 | root /exact/../../../y
open.example.test/other/x/../../../y | 400 | root /other/x/../../../y
`,
	},
	{
		why: "With a path in its proxy_pass, nginx forwards what it has decoded, merged and resolved. Here the upstream " +
			"gets what came after the prefix, byte for byte.",
		forwards: true,
		paths: `
open.example.test/strip//x | strip /x | strip //x
open.example.test/strip/./x | strip /x | strip /./x
open.example.test/strip/%2e/x | strip /x | strip /%2e/x
open.example.test/strip/y/../x | strip /x | strip /y/../x
open.example.test/strip/y/%2E%2e/x | strip /x | strip /y/%2E%2e/x
open.example.test/strip/y%2f..%2fx | strip /x | strip /y%2f..%2fx
open.example.test/strip/x/.. | strip / | strip /x/..
open.example.test/strip/x/../ | strip / | strip /x/../
open.example.test/strip/x/y/../.. | strip / | strip /x/y/../..
open.example.test/strip/x/%2e%2e/y | strip /y | strip /x/%2e%2e/y
`,
	},
	{
		why: "For nginx `;` and `\\` are letters of a name. Some upstreams cut off what follows `;`, or read `\\` as a " +
			"slash: to them the path may be that of another location.",
		paths: `
closed.example.test/pub\private | 404 | 400
closed.example.test/pub/private;x | exact /pub/private;x | 400
closed.example.test/pub/;x/private | exact /pub/;x/private | 400
closed.example.test/pub/..;/pub/private | exact /pub/..;/pub/private | 400
open.example.test/y/..;/exact | root /y/..;/exact | 400
open.example.test/\exact | root /\exact | 400
open.example.test/;v=1/exact | root /;v=1/exact | 400
open.example.test/exact;jsessionid=1 | root /exact;jsessionid=1 | 400
open.example.test/y/..;/dir/ | root /y/..;/dir/ | 400
open.example.test/\dir/ | root /\dir/ | 400
open.example.test/;v=1/dir/ | root /;v=1/dir/ | 400
open.example.test/dir/;jsessionid=1 | root /dir/;jsessionid=1 | 400
open.example.test/y/..;/api | root /y/..;/api | 400
open.example.test/\api | root /\api | 400
open.example.test/;v=1/api | root /;v=1/api | 400
open.example.test/api;jsessionid=1 | root /api;jsessionid=1 | 400
open.example.test/api\x | root /api\x | 400
open.example.test/api;v=1/x | root /api;v=1/x | 400
open.example.test/api/v2\x | api /api/v2\x | 400
open.example.test/api/v2;v=1/x | api /api/v2;v=1/x | 400
open.example.test/api/v2/y/..;/health | v2 /api/v2/y/..;/health | 400
open.example.test/api/v2\health | api /api/v2\health | 400
open.example.test/api/v2;v=1/health | api /api/v2;v=1/health | 400
open.example.test/api/v2/health;jsessionid=1 | v2 /api/v2/health;jsessionid=1 | 400
open.example.test/api/v2/y/..;/admin | v2 /api/v2/y/..;/admin | 400
open.example.test/api/v2\admin | api /api/v2\admin | 400
open.example.test/api/v2;v=1/admin | api /api/v2;v=1/admin | 400
open.example.test/api/v2/admin;jsessionid=1 | v2 /api/v2/admin;jsessionid=1 | 400
open.example.test/api/v2/admin\x | v2 /api/v2/admin\x | 400
open.example.test/api/v2/admin;v=1/x | v2 /api/v2/admin;v=1/x | 400
open.example.test/text\x | text /text\x | 400
open.example.test/text;v=1/x | text /text;v=1/x | 400
open.example.test/strip\x | root /strip\x | 400
open.example.test/strip;v=1/x | root /strip;v=1/x | 400
`,
	},
	{
		why: "nginx resolves dot segments, also encoded ones, and chooses by the result, but forwards the path as it " +
			"came. An upstream that does not resolve them, or does it in another order, reads another path than the " +
			"location was chosen for.",
		paths: `
closed.example.test/pub/x/../private | 403 | 400
closed.example.test/pub/private/../x | exact /pub/private/../x | 400
closed.example.test/pub/private/.. | exact /pub/private/.. | 400
closed.example.test/pub/private/../../x | 404 | 400
closed.example.test/pub/%2e%2e/pub/private | 403 | 400
closed.example.test/x/../pub | exact /x/../pub | 400
closed.example.test/x/..%2fpub | exact /x/..%2fpub | 400
open.example.test/y/../exact | exact /y/../exact | 400
open.example.test/y/%2E%2e/exact | exact /y/%2E%2e/exact | 400
open.example.test/y%2f..%2fexact | exact /y%2f..%2fexact | 400
open.example.test/y/../dir/ | other /y/../dir/ | 400
open.example.test/y/%2E%2e/dir/ | other /y/%2E%2e/dir/ | 400
open.example.test/y%2f..%2fdir/ | other /y%2f..%2fdir/ | 400
open.example.test/dir//.. | root /dir//.. | 400
open.example.test/dir//../ | root /dir//../ | 400
open.example.test/dir//y/../.. | root /dir//y/../.. | 400
open.example.test/dir//%2e%2e/y | root /dir//%2e%2e/y | 400
open.example.test/y/../api | api /y/../api | 400
open.example.test/y/%2E%2e/api | api /y/%2E%2e/api | 400
open.example.test/y%2f..%2fapi | api /y%2f..%2fapi | 400
open.example.test/api/.. | root /api/.. | 400
open.example.test/api/../ | root /api/../ | 400
open.example.test/api/y/../.. | root /api/y/../.. | 400
open.example.test/api/%2e%2e/y | root /api/%2e%2e/y | 400
open.example.test/api/y%2f..%2fx | api /api/y%2f..%2fx | 400
open.example.test/api/v2/y%2f..%2fx | v2 /api/v2/y%2f..%2fx | 400
open.example.test/api/v2/x/../../../y | root /api/v2/x/../../../y | 400
open.example.test/api/v2/y/../health | health /api/v2/y/../health | 400
open.example.test/api/v2/y/%2E%2e/health | health /api/v2/y/%2E%2e/health | 400
open.example.test/api/v2/y%2f..%2fhealth | health /api/v2/y%2f..%2fhealth | 400
open.example.test/api/v2/health/../../../y | root /api/v2/health/../../../y | 400
open.example.test/api/v2/y/../admin | admin /api/v2/y/../admin | 400
open.example.test/api/v2/y/%2E%2e/admin | admin /api/v2/y/%2E%2e/admin | 400
open.example.test/api/v2/y%2f..%2fadmin | admin /api/v2/y%2f..%2fadmin | 400
open.example.test/api/v2/admin/.. | v2 /api/v2/admin/.. | 400
open.example.test/api/v2/admin/../ | v2 /api/v2/admin/../ | 400
open.example.test/api/v2/admin/y/../.. | v2 /api/v2/admin/y/../.. | 400
open.example.test/api/v2/admin/%2e%2e/y | v2 /api/v2/admin/%2e%2e/y | 400
open.example.test/api/v2/admin/../../../y | root /api/v2/admin/../../../y | 400
open.example.test/api/v2/admin/x/../../../y | api /api/v2/admin/x/../../../y | 400
`,
	},
	{
		why: "nginx decodes %3f and %23, and forwards the path as it came. Some upstreams end the path there.",
		paths: `
closed.example.test/pub/private%3f | exact /pub/private%3f | 400
closed.example.test/pub/private%23 | exact /pub/private%23 | 400
`,
	},
	{
		why: "nginx decodes the path and merges slashes, and chooses by the result, but forwards the path as it came. " +
			"An upstream that does not do the same reads another path than the location was chosen for.",
		paths: `
closed.example.test/pub/./private | 403 | 400
closed.example.test/pub//private | 403 | 400
closed.example.test/pub/%70rivate | 403 | 400
closed.example.test/pub/privat%65/x | 403 | 400
closed.example.test/pub%2fprivate | 403 | 400
closed.example.test/pub/%2e/private | 403 | 400
closed.example.test/./pub | exact /./pub | 400
closed.example.test/%70ub | exact /%70ub | 400
closed.example.test//pub | exact //pub | 400
open.example.test//exact | exact //exact | 400
open.example.test/./exact | exact /./exact | 400
open.example.test/%2e/exact | exact /%2e/exact | 400
open.example.test/%2Fexact | exact /%2Fexact | 400
open.example.test/%65xact | exact /%65xact | 400
open.example.test//dir/ | other //dir/ | 400
open.example.test/./dir/ | other /./dir/ | 400
open.example.test/%2e/dir/ | other /%2e/dir/ | 400
open.example.test/%2Fdir/ | other /%2Fdir/ | 400
open.example.test/%64ir/ | other /%64ir/ | 400
open.example.test//api | api //api | 400
open.example.test/./api | api /./api | 400
open.example.test/%2e/api | api /%2e/api | 400
open.example.test/%2Fapi | api /%2Fapi | 400
open.example.test/%61pi | api /%61pi | 400
open.example.test//api/x | api //api/x | 400
open.example.test/api%2Fx | api /api%2Fx | 400
open.example.test/%61pi/x | api /%61pi/x | 400
open.example.test//api/v2/x | v2 //api/v2/x | 400
open.example.test/api/v2%2Fx | v2 /api/v2%2Fx | 400
open.example.test/%61pi/v2/x | v2 /%61pi/v2/x | 400
open.example.test//api/v2/health | health //api/v2/health | 400
open.example.test/api/v2//health | health /api/v2//health | 400
open.example.test/api/v2/./health | health /api/v2/./health | 400
open.example.test/api/v2/%2e/health | health /api/v2/%2e/health | 400
open.example.test/api/v2%2Fhealth | health /api/v2%2Fhealth | 400
open.example.test/%61pi/v2/health | health /%61pi/v2/health | 400
open.example.test//api/v2/admin | admin //api/v2/admin | 400
open.example.test/api/v2//admin | admin /api/v2//admin | 400
open.example.test/api/v2/./admin | admin /api/v2/./admin | 400
open.example.test/api/v2/%2e/admin | admin /api/v2/%2e/admin | 400
open.example.test/api/v2%2Fadmin | admin /api/v2%2Fadmin | 400
open.example.test/%61pi/v2/admin | admin /%61pi/v2/admin | 400
open.example.test//api/v2/admin/x | admin //api/v2/admin/x | 400
open.example.test/api/v2/admin%2Fx | admin /api/v2/admin%2Fx | 400
open.example.test/%61pi/v2/admin/x | admin /%61pi/v2/admin/x | 400
open.example.test//text/x | text //text/x | 400
open.example.test/text%2Fx | text /text%2Fx | 400
open.example.test/%74ext/x | text /%74ext/x | 400
open.example.test//strip/x | strip /x | 400
open.example.test/strip%2Fx | strip /x | 400
open.example.test/%73trip/x | strip /x | 400
`,
	},
}

// nginxAnswers are what both answer to a URL, and why that differs.
type nginxAnswers struct{ nginx, ours, why string }

// differencesByURL returns nginxDifferences by their URLs.
func differencesByURL(t *testing.T) map[string]nginxAnswers {
	t.Helper()
	all := map[string]nginxAnswers{}
	for _, d := range nginxDifferences {
		for line := range strings.Lines(strings.TrimSpace(d.paths)) {
			fields := strings.Split(strings.TrimSpace(line), " | ")
			if len(fields) != 3 || all[fields[0]].why != "" {
				t.Fatalf("got %q, want a URL that is in the list once, what nginx answers and what the daemon answers", line)
			}
			url, answers := fields[0], nginxAnswers{fields[1], fields[2], d.why}
			if answers.nginx == answers.ours || d.forwards == (answers.ours == "400") {
				t.Errorf("%s: got %+v and forwards %v, want a difference, and 400 exactly where the daemon does not forward", url, answers, d.forwards)
			}
			all[url] = answers
		}
	}
	return all
}
