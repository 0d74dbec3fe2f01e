package check

import (
	"cmp"
	"regexp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// foreignVariable matches a variable of nginx, as in `$remote_addr`, which has no meaning here. `${host}` is already refused
// because of its braces.
var foreignVariable = regexp.MustCompile(`\$[a-z][a-z_]+`)

// placeholderFor maps variables of nginx to placeholders.
var placeholderFor = map[string]string{
	"$remote_addr": "{client_ip}", "$realip_remote_addr": "{client_ip}", "$proxy_add_x_forwarded_for": "{client_ip}",
	"$host": "{host}", "$http_host": "{host}", "$server_name": "{host}", "$request_id": "{request_id}", "$scheme": "{scheme}",
}

// headerRules warns of values of header rules that have a variable of nginx in them. It looks only at the rules that were
// written at that place and level.
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
