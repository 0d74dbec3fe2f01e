package conformance_test

// documentedCommand says what a command of the documents has to do. The daemon of TestTheCommandsOfTheDocuments runs
// while it is tried, on the paths that the documents name, which are in a directory of the test's own.
type documentedCommand struct {
	// prints has to be part of the output, code is the exit code.
	prints string
	code   int
	// elsewhere is why the command is not run here, and what holds it instead.
	elsewhere string
}

// documentedCommands are all commands that stand behind a `$` in a console block of README.md or of docs/, without
// docs/performance.md, which is about benchmarks.
var documentedCommands = map[string]documentedCommand{
	"make run":  {elsewhere: "cmd/quickstart has a test of its own, which runs what it prints"},
	"make test": {elsewhere: "this test is part of it"},
	"FEATURES=host_routing.feature go test ./conformance -run TestFeatures -v":                   {elsewhere: "TestFeatures is run by every run of the suite"},
	"GODOG_TAGS=@S-6.1 go test ./conformance -run TestFeatures -v":                               {elsewhere: "TestFeatures is run by every run of the suite"},
	"GODOG_SEED=1234 go test ./conformance -run TestFeatures -v":                                 {elsewhere: "TestFeatures is run by every run of the suite"},
	"reverse-proxy --config /etc/reverse-proxy/config.toml":                                      {elsewhere: "it is how this test starts the daemon"},
	"systemctl restart reverse-proxy.service":                                                    {elsewhere: "this test restarts the daemon in its place"},
	"useradd --system --home-dir /var/lib/reverse-proxy --shell /usr/sbin/nologin reverse-proxy": {elsewhere: "it would change this machine"},
	"systemctl daemon-reload":                                                                    {elsewhere: "no systemd runs on the test's machine"},
	"systemctl enable --now reverse-proxy.service":                                               {elsewhere: "no systemd runs on the test's machine"},
	"cp deploy/systemd/reverse-proxy.service /etc/systemd/system/":                               {},

	"cp deploy/systemd/reverse-proxy.socket /etc/systemd/system/": {},
	"systemctl edit reverse-proxy.socket":                         {elsewhere: "it opens an editor"},
	"systemctl stop reverse-proxy.service":                        {elsewhere: "no systemd runs on the test's machine"},
	"systemctl enable --now reverse-proxy.socket":                 {elsewhere: "no systemd runs on the test's machine"},
	"systemctl start reverse-proxy.service":                       {elsewhere: "no systemd runs on the test's machine"},

	"reverse-proxy status | jq .sandbox":                             {prints: `"state": "o`},
	"grep NoNewPrivs /proc/$(reverse-proxy status | jq .pid)/status": {prints: "NoNewPrivs:\t1"},

	"reverse-proxy --version": {prints: "reverse-proxy "},
	"reverse-proxy --validate --config /etc/reverse-proxy/config.toml": {prints: "configuration OK: "},
	"reverse-proxy --validate --config broken.toml":                    {prints: "listeners: missing", code: 1},
	"reverse-proxy reload": {prints: `{"status":"ok","sites":1}`},
	"reverse-proxy status": {prints: `{"status":"ok","uptime_secs":`},

	"curl -i http://127.0.0.1:9900/health":                                                               {prints: "HTTP/1.1 200 OK"},
	"reverse-proxy status | jq '.version, .revision, .uptime_secs'":                                      {prints: "\"\n"},
	"reverse-proxy status | jq .config":                                                                  {prints: `"file_differs": false`},
	"reverse-proxy status | jq .last_reload":                                                             {prints: ""},
	"reverse-proxy status | jq '.certificates[] | {names, source, not_after}'":                           {prints: `"source": "manual"`},
	"reverse-proxy status | jq '.connections, .requests_in_flight, .descriptors, .rate_limited_clients'": {prints: `"allowed":`},
	"reverse-proxy status | jq .descriptors":                                                             {prints: `"used":`},
	"reverse-proxy status | jq '.version, .revision'":                                                    {prints: "\"\n"},
	"grep 'open files' /proc/$(reverse-proxy status | jq .pid)/limits":                                   {prints: "Max open files"},
	"kill -HUP $(reverse-proxy status | jq .pid)":                                                        {},

	"install -m 0755 reverse-proxy.new /usr/local/bin/reverse-proxy.new":                        {},
	"/usr/local/bin/reverse-proxy.new --validate --config /etc/reverse-proxy/config.toml":       {prints: "configuration OK: "},
	"mv /usr/local/bin/reverse-proxy.new /usr/local/bin/reverse-proxy":                          {},
	"grep -c ' REQUEST .* status=502 ' /var/log/reverse-proxy/proxy.log":                        {prints: "2\n"},
	"grep ' UPSTREAM_ERROR ' /var/log/reverse-proxy/proxy.log | tail -n 20":                     {prints: `error="connection refused"`},
	"grep -E ' (WARN|ERROR) ' /var/log/reverse-proxy/proxy.log | tail -n 20":                    {prints: " WARN RATE_LIMIT "},
	"logrotate --debug /etc/logrotate.d/reverse-proxy":                                          {prints: "proxy.log"},
	"mv /var/log/reverse-proxy/proxy.log /var/log/reverse-proxy/proxy.log.1":                    {},
	"kill -USR1 $(reverse-proxy status | jq .pid)":                                              {},
	"cp deploy/fail2ban/filter.d/*.conf /etc/fail2ban/filter.d/":                                {},
	"cp deploy/fail2ban/jail.d/reverse-proxy.conf /etc/fail2ban/jail.d/":                        {},
	"fail2ban-regex /var/log/reverse-proxy/proxy.log /etc/fail2ban/filter.d/reverse-proxy.conf": {prints: "Failregex: "},

	"openssl x509 -noout -subject -enddate -in /etc/reverse-proxy/site.pem": {prints: "notAfter="},
	"ls -l /var/lib/reverse-proxy/acme":                                     {prints: "acme_refusals.json"},
	"cat /var/lib/reverse-proxy/acme/acme_refusals.json":                    {prints: "refusals"},
	"rm /var/lib/reverse-proxy/acme/acme_refusals.json":                     {},
}
