package check

import (
	"cmp"
	"regexp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// foreignVariable matches what is a variable to nginx, as in `$remote_addr`, and is sent as it is here. `${host}` is refused
// already, because of its braces.
var foreignVariable = regexp.MustCompile(`\$[a-z][a-z_]+`)

// placeholderFor names the placeholders for variables of nginx.
var placeholderFor = map[string]string{
	"$remote_addr": "{client_ip}", "$realip_remote_addr": "{client_ip}", "$proxy_add_x_forwarded_for": "{client_ip}",
	"$host": "{host}", "$http_host": "{host}", "$server_name": "{host}", "$request_id": "{request_id}", "$scheme": "{scheme}",
}

// headerRules warns of the values of header rules, written at that place and level, that another program would replace.
func (c *checker) headerRules(place string, level config.Level, tables map[string]*headers.Rules) {
	for _, table := range []string{"request_headers", "response_headers"} {
		for rule := range tables[table].All() {
			variable := foreignVariable.FindString(rule.Value)
			if rule.Level != level.String() || variable == "" {
				continue
			}
			key := config.ChildKey(config.ChildKey(config.ChildKey(place, table), rule.Op.String()), rule.Name)
			c.warn(key, "%s is sent as it is; write %s", wording.Quoted(variable),
				cmp.Or(placeholderFor[variable], "one of {client_ip}, {host}, {request_id} and {scheme}, or leave it out"))
		}
	}
}

// ofSettings returns the tables of header rules at a place.
func ofSettings(s config.Settings) map[string]*headers.Rules {
	return map[string]*headers.Rules{"request_headers": s.RequestHeaders, "response_headers": s.ResponseHeaders}
}
