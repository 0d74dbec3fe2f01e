package conformance_test

// documentedCommand says what a documented command must do. The daemon of TestTheCommandsOfTheDocuments runs during the
// test, with the paths that the documents name, which are in the test's own directory.
type documentedCommand struct {
	// prints must be part of the output; code is the exit code.
	prints string
	code   int
	// elsewhere is why the command is not run here, and which test covers it instead.
	elsewhere string
}

// noSystemd is why a systemd command is not run.
const noSystemd = "there is no systemd where this test runs; it is a command of its own, without a part of ours"

// migrated names the test of the migration from another server.
const migrated = "TestTheMigrationFromNginx puts the daemon in the place of a real nginx, and asks both"

// gitea names the test of the commands of docs/apps/gitea.md.
const gitea = "TestGiteaBehindTheProxy runs it, with git's own server behind the daemon"

// documentedCommands are all commands after a `$` in a console block of README.md or of docs/, except
// docs/performance.md, which is about benchmarks.
var documentedCommands = map[string]documentedCommand{
	"make run":      {elsewhere: "cmd/quickstart has a test of its own, which runs what it prints"},
	"make packages": {elsewhere: "TestPackages runs it"},
	"dpkg -i out/packages/reverse-proxy_*_amd64.deb": {elsewhere: "TestPackages installs it, into a copy of the machine"},
	"make test": {elsewhere: "this test is part of it"},
	"make soak": {elsewhere: "it takes half an hour; TestNoRequestIsMixedUpOrLost is a part of it"},
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

	"reverse-proxy --version":                                                               {prints: "reverse-proxy "},
	"reverse-proxy --validate --config broken.toml":                                         {prints: "listeners: missing", code: 1},
	"reverse-proxy check --config /etc/reverse-proxy/config.toml":                           {prints: "configuration OK: "},
	"reverse-proxy reload":                                                                  {prints: `{"status":"ok","sites":1,`},
	"reverse-proxy reload --text":                                                           {prints: "reloaded: 1 site, no change"},
	"reverse-proxy diff --text":                                                             {prints: ": no change"},
	"reverse-proxy status | jq .store":                                                      {prints: "null"},
	"reverse-proxy status --text":                                                           {prints: "connections "},
	"/usr/local/bin/reverse-proxy.new check --config /etc/reverse-proxy/config.toml":        {prints: "configuration OK: "},
	"/usr/local/bin/reverse-proxy check --config /etc/reverse-proxy/config.toml":            {prints: "configuration OK: "},
	"reverse-proxy status --watch":                                                          {elsewhere: "it does not end by itself; features/status.feature runs it on a terminal"},
	"reverse-proxy status --text | head -n 8":                                               {prints: "connections "},
	"reverse-proxy status | jq '.site_traffic[] | {host, counts}'":                          {prints: `"requests":`},
	"reverse-proxy status | jq '.acme[] | {domain, last_error, next_try}'":                  {prints: ""},
	"reverse-proxy status | jq '.acme[] | {domain, last_error, next_try, next_try_reason}'": {prints: ""},
	"reverse-proxy status":                                                                  {prints: `{"status":"ok","uptime_secs":`},

	"curl -i http://127.0.0.1:9900/health":                                                               {prints: "HTTP/1.1 200 OK"},
	"curl -s http://127.0.0.1:9900/metrics":                                                              {prints: "\nreverse_proxy_build_info{"},
	"curl -s http://127.0.0.1:9900/metrics | grep '^reverse_proxy_requests_total'":                       {prints: `reverse_proxy_requests_total{site="`},
	"reverse-proxy status | jq '.version, .revision, .uptime_secs'":                                      {prints: "\"\n"},
	"reverse-proxy status | jq .config":                                                                  {prints: `"file_differs": false`},
	"reverse-proxy status | jq .last_reload":                                                             {prints: ""},
	"reverse-proxy status | jq '.certificates[] | {names, source, not_after, days_left}'":                {prints: `"source": "manual"`},
	"reverse-proxy status | jq '.connections, .requests_in_flight, .descriptors, .rate_limited_clients'": {prints: `"allowed":`},
	"reverse-proxy status | jq .descriptors":                                                             {prints: `"used":`},
	"reverse-proxy status | jq '.version, .revision'":                                                    {prints: "\"\n"},
	"grep 'open files' /proc/$(reverse-proxy status | jq .pid)/limits":                                   {prints: "Max open files"},
	"kill -HUP $(reverse-proxy status | jq .pid)":                                                        {},

	"cp -p /usr/local/bin/reverse-proxy /usr/local/bin/reverse-proxy.old":                                                                         {},
	"cp -p /etc/reverse-proxy/config.toml /etc/reverse-proxy/config.toml.old":                                                                     {},
	"/usr/local/bin/reverse-proxy.new --version":                                                                                                  {prints: "reverse-proxy "},
	"mv /usr/local/bin/reverse-proxy /usr/local/bin/reverse-proxy.bad":                                                                            {},
	"cp -p /usr/local/bin/reverse-proxy.old /usr/local/bin/reverse-proxy":                                                                         {},
	"cp -p /etc/reverse-proxy/config.toml.old /etc/reverse-proxy/config.toml.new":                                                                 {},
	"mv /etc/reverse-proxy/config.toml.new /etc/reverse-proxy/config.toml":                                                                        {},
	"install -m 0755 reverse-proxy.new /usr/local/bin/reverse-proxy.new":                                                                          {},
	"mv /usr/local/bin/reverse-proxy.new /usr/local/bin/reverse-proxy":                                                                            {},
	"grep -c ' REQUEST .* status=502 ' /var/log/reverse-proxy/proxy.log":                                                                          {prints: "2\n"},
	"grep ' UPSTREAM_ERROR ' /var/log/reverse-proxy/proxy.log | tail -n 20":                                                                       {prints: `error="connection refused"`},
	"grep -E ' (WARN|ERROR) ' /var/log/reverse-proxy/proxy.log | tail -n 20":                                                                      {prints: " WARN RATE_LIMIT "},
	"logrotate --debug /etc/logrotate.d/reverse-proxy":                                                                                            {prints: "proxy.log"},
	"mv /var/log/reverse-proxy/proxy.log /var/log/reverse-proxy/proxy.log.1":                                                                      {},
	"reverse-proxy reopen --text":                                                                                                                 {prints: "reopened: "},
	"cp deploy/fail2ban/filter.d/*.conf /etc/fail2ban/filter.d/":                                                                                  {},
	"cp deploy/fail2ban/jail.d/reverse-proxy.conf /etc/fail2ban/jail.d/":                                                                          {},
	"fail2ban-regex /var/log/reverse-proxy/proxy.log /etc/fail2ban/filter.d/reverse-proxy.conf":                                                   {prints: "Failregex: "},
	"fail2ban-regex /var/log/reverse-proxy/proxy.log /etc/fail2ban/filter.d/reverse-proxy-scan.conf":                                              {prints: "Failregex: 0 total"},
	`printf '[reverse-proxy-scan]\nenabled = true\n' >> /etc/fail2ban/jail.d/reverse-proxy.local`:                                                 {},
	"install -d -o 65532 -g 65532 -m 0755 /var/log/reverse-proxy":                                                                                 {},
	`printf '[reverse-proxy]\nenabled = true\nbanaction = iptables-multiport\nchain = DOCKER-USER\n' >> /etc/fail2ban/jail.d/reverse-proxy.local`: {},
	"fail2ban-client --test":                                      {prints: "OK: configuration test is successful"},
	"fail2ban-client reload":                                      {prints: "OK"},
	"fail2ban-client status reverse-proxy-scan":                   {prints: "Currently banned:"},
	"fail2ban-client set reverse-proxy-scan unbanip 203.0.113.50": {},

	`curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:9900/health`:         {prints: "200\n"},
	"reverse-proxy status | jq .config.file_differs":                                {prints: "false\n"},
	"reverse-proxy status | jq '.descriptors, .connections'":                        {prints: `"allowed":`},
	"reverse-proxy status | jq '.connections, .requests_in_flight'":                 {prints: "0\n"},
	"journalctl -u reverse-proxy.service -n 50":                                     {elsewhere: noSystemd},
	"systemctl status reverse-proxy.service":                                        {elsewhere: noSystemd},
	"systemctl cat reverse-proxy.socket":                                            {elsewhere: noSystemd},
	"systemctl is-enabled reverse-proxy.service":                                    {elsewhere: noSystemd},
	"ss -Hltnp 'sport = :443 or sport = :80 or sport = :9900'":                      {prints: `"reverse-proxy"`},
	"ip -brief address show":                                                        {prints: "127.0.0.1"},
	"ls -ld /run/reverse-proxy /var/log/reverse-proxy /var/lib/reverse-proxy":       {prints: "drwx"},
	"grep -E ' (ACME_|CERT_EXPIRED)' /var/log/reverse-proxy/proxy.log | tail -n 20": {code: 1},
	"getent ahosts site.example.test":                                               {code: 2},
	"openssl s_client -connect 127.0.0.1:443 -servername site.example.test </dev/null 2>/dev/null | openssl x509 -noout -enddate": {prints: "notAfter="},
	"curl -sS -o /dev/null -H 'Host: site.example.test' http://127.0.0.1:3000/":                                                   {prints: "Failed to connect", code: 7},
	`curl -sS -o /dev/null -w '%{time_connect} %{time_starttransfer}\n' -H 'Host: site.example.test' http://127.0.0.1:3000/`:      {prints: "Failed to connect", code: 7},
	`grep ' RATE_LIMIT ' /var/log/reverse-proxy/proxy.log | grep -o 'client_ip=[^ ]*' | sort | uniq -c | sort -rn | head`:         {prints: "client_ip=127.0.0.1"},
	"reverse-proxy status | jq .limits":                                                                                       {prints: `"client":`},
	"grep ' RATE_LIMIT ' /var/log/reverse-proxy/proxy.log | grep -c 'limit=total'":                                            {prints: "0\n", code: 1},
	`ls -l /proc/$(reverse-proxy status | jq .pid)/fd | awk 'NR > 1 {print $NF}' | sed 's/:.*//' | sort | uniq -c`:            {prints: "socket"},
	`ss -Htn state established '( sport = :443 )' | awk '{print $4}' | sed 's/:[0-9]*$//' | sort | uniq -c | sort -rn | head`: {},
	"df -h /var/log/reverse-proxy /var/lib/reverse-proxy":                                                                     {prints: "Filesystem"},
	"du -sh /var/log/reverse-proxy":                                                                                           {prints: "log/reverse-proxy"},

	"install -o reverse-proxy -m 0400 /etc/letsencrypt/live/www.example.com/fullchain.pem /etc/letsencrypt/live/www.example.com/privkey.pem /etc/reverse-proxy/": {elsewhere: migrated},
	"systemctl stop nginx.service && systemctl start reverse-proxy.service":                                                                                      {elsewhere: migrated},
	`curl -sS -o /dev/null -w '%{http_code}\n' https://www.example.com/`:                                                                                         {elsewhere: migrated},
	"systemctl disable nginx.service && systemctl enable reverse-proxy.service":                                                                                  {elsewhere: noSystemd},

	`curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' http://git.example.com/`:                      {elsewhere: gitea},
	"git clone https://git.example.com/alice/project.git":                                                    {elsewhere: gitea},
	"git -C project -c user.name=Alice -c user.email=alice@example.com commit --allow-empty -m 'over HTTPS'": {elsewhere: gitea},
	"git -C project push": {elsewhere: gitea},
	"git clone --depth 1 https://git.example.com/alice/project.git shallow": {elsewhere: gitea},
	"curl -sSN --max-time 5 https://git.example.com/user/events":            {elsewhere: gitea},

	"systemctl stop caddy.service && systemctl start reverse-proxy.service":     {elsewhere: noSystemd},
	"systemctl disable caddy.service && systemctl enable reverse-proxy.service": {elsewhere: noSystemd},

	"openssl x509 -noout -subject -enddate -in /etc/reverse-proxy/site.pem": {prints: "notAfter="},
	"ls -l /var/lib/reverse-proxy/acme":                                     {prints: "acme_refusals.json"},
	"cat /var/lib/reverse-proxy/acme/acme_refusals.json":                    {prints: "refusals"},
	"rm /var/lib/reverse-proxy/acme/acme_refusals.json":                     {},
}
