package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// A variable of another program is sent as it is, which no error can tell from a text that is meant so.
func TestAVariableOfAnotherProgramGetsAWarningWhereItIsWritten(t *testing.T) {
	text := "[request_headers]\nset = { \"X-A\" = \"$remote_addr\", \"X-B\" = \"{client_ip} costs $5, US$ or $$\" }\n" + configtest.Minimal +
		"[listeners.sites.response_headers]\ndefault = { \"X.C\" = \"by $server_port\" }\nremove = [\"X-D\"]\n" +
		"[[listeners.sites.routes]]\npath = \"/a\"\n[listeners.sites.routes.response_headers]\nset = { \"X-E\" = \"https://$host/\" }\n"
	want := []string{
		`request_headers.set.X-A: "$remote_addr" is sent as it is; write {client_ip}`,
		`listeners[0].sites[0].response_headers.default."X.C": "$server_port" is sent as it is; write one of {client_ip}, {host}, {request_id} and {scheme}, or leave it out`,
		`listeners[0].sites[0].routes[0].response_headers.set.X-E: "$host" is sent as it is; write {host}`,
	}
	if diff := cmp.Diff(want, warningLines(t, t.TempDir(), text, testEnvironment(), false)); diff != "" {
		t.Errorf("the warnings differ (-want +got):\n%s", diff)
	}
}
