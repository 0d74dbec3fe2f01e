package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLoadOfManyRoutes loads 1,000 sites of 10 routes, as a start and a reload do.
func BenchmarkLoadOfManyRoutes(b *testing.B) {
	var text strings.Builder
	text.WriteString("[[listeners]]\nbind_addr = \"127.0.0.1\"\ntls.mode = \"self_signed\"\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "[[listeners.sites]]\nhost = \"s%d.example\"\nupstream = \"127.0.0.1:1\"\n", i)
		for j := range 10 {
			fmt.Fprintf(&text, "[[listeners.sites.routes]]\npath = \"/r%d\"\nredirect = \"/n%d\"\n", j, j)
		}
	}
	for b.Loop() {
		if _, err := FromBytes("c", []byte(text.String()), false, configEnvironment()); err != nil {
			b.Fatal(err)
		}
	}
}
