package check

import (
	"strings"
	"testing"

	"reverse-proxy/proxy/config/configtest"
)

func TestTrustedProxiesGetAWarning(t *testing.T) {
	const ban = "so a packet filter cannot ban them, as the shipped jails of fail2ban do; ban them at the proxy, and put the proxies into ignoreip"
	for _, test := range []struct {
		name, keys string
		want       []string
	}{
		{"no proxy is trusted", "", nil},
		{"a network is trusted", `trusted_proxies = ["10.0.0.0/8"]`, []string{"listeners[0].trusted_proxies: clients behind these proxies", ban}},
		{"a file of networks is trusted", `trusted_proxies_file = "DIR/proxies.txt"`, []string{"listeners[0].trusted_proxies_file: clients behind these proxies"}},
		{"only this machine is trusted", `trusted_proxies = ["127.0.0.1", "::1"]`, nil},
		{"every address is trusted", `trusted_proxies = ["10.0.0.0/8", "0.0.0.0/0"]`, []string{`listeners[0].trusted_proxies[1]: "0.0.0.0/0" is every address, so that each client may say who it is`}},
		{"every IPv6 address is trusted", `trusted_proxies = ["::/0"]`, []string{`listeners[0].trusted_proxies[0]: "::/0" is every address`}},
		{"every address is trusted by a file", `trusted_proxies_file = "DIR/all.txt"`, []string{`listeners[0].trusted_proxies_file: "0.0.0.0/0" is every address`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := configtest.CertificateDir(t)
			configtest.WriteFile(t, dir, "all.txt", "0.0.0.0/0\n")
			text := configtest.Edited(t, configtest.Minimal, "[[listeners]]\n", "[[listeners]]\n"+strings.ReplaceAll(test.keys, "DIR", dir)+"\n")
			lines := warningLines(t, dir, text, testEnvironment(), false)
			if (len(lines) > 0) != (test.want != nil) || len(lines) > 1 {
				t.Fatalf("got %q, want one warning: %v", lines, test.want != nil)
			}
			for _, want := range test.want {
				if !strings.Contains(lines[0], want) {
					t.Errorf("got %q, want %q in it", lines[0], want)
				}
			}
		})
	}
}
