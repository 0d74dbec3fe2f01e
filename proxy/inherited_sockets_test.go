package proxy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
)

// twoListeners returns a configuration with four ports and a health port.
func twoListeners() *config.Config {
	return &config.Config{HealthCheckPort: 9900, Listeners: []config.Listener{
		{BindAddrs: []string{"127.0.0.1"}, HTTPSPort: 443, HTTPPort: 80},
		{BindAddrs: []string{"::1", "127.0.0.2"}, HTTPSPort: 443, HTTPPort: 0},
	}}
}

func TestThePortsThatAServiceManagerMayPass(t *testing.T) {
	var got []string
	for _, port := range wantedPorts(twoListeners()) {
		got = append(got, fmt.Sprintf("%s %s %v", port, port.Name, port.Optional))
	}
	want := []string{
		"listeners[0].https_port 127.0.0.1:443 https-0 false", "listeners[0].http_port 127.0.0.1:80 http-0 false",
		"listeners[1].https_port [::1]:443 https-1 false", "listeners[1].https_port 127.0.0.2:443 https-1 false",
		"health_check_port 127.0.0.1:9900 health true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
