package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// nextSteps returns what a reader can try after the start. own is the reader's application, "" for the sample.
func nextSteps(chosen ports, own, binary, config string) string {
	in := fmt.Sprintf("a sample upstream on %s", loopback(chosen.upstream))
	if own != "" {
		in = own
	}
	site := fmt.Sprintf("https://localhost:%d/", chosen.https)
	tries := []try{
		{"curl -k " + site, "what the upstream was sent"},
		{"curl -k --http1.1 " + site + "stream", "events, each as it comes"},
		{fmt.Sprintf("curl -i http://localhost:%d/", chosen.http), "the redirect to https"},
		{fmt.Sprintf("curl -i http://%s/health", loopback(chosen.health)), "the health port"},
		{binary + " status --config " + config, ""},
		{binary + " reload --config " + config, ""},
		{"${EDITOR:-vi} " + config, "then reload"},
	}
	if own != "" {
		tries[0].about = "your application"
		tries = append(tries[:1], tries[2:]...)
	}
	return instructions(fmt.Sprintf("The proxy serves %s in front of %s.", site, in), tries)
}

// acmeNextSteps returns what a reader can try with a Pebble running.
func acmeNextSteps(chosen ports, directory, dir, binary, config string) string {
	site := fmt.Sprintf("%s:%d", acmeName, chosen.https)
	return instructions(fmt.Sprintf("The proxy serves https://%s/ with a certificate from the Pebble at %s.", site, directory), []try{
		{fmt.Sprintf("curl --cacert %s --resolve %s:127.0.0.1 https://%s/", filepath.Join(dir, "roots.pem"), site, site), ""},
		{"ls -l " + filepath.Join(dir, "acme"), "the account's key and the certificate"},
		{binary + " status --config " + config, ""},
		{"${EDITOR:-vi} " + config, "add a site, such as new.example.test"},
		{binary + " reload --config " + config, "orders its certificate, and serves it"},
	})
}

// try is a command to try, with a description of what it shows.
type try struct{ command, about string }

// instructions formats what the quick start prints when it is ready.
func instructions(first string, tries []try) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s Try, in another terminal:\n\n", first)
	for _, t := range tries {
		text.WriteString(strings.TrimRight(fmt.Sprintf("  %-48s   %s", t.command, t.about), " ") + "\n")
	}
	text.WriteString("\nCtrl-C stops everything.\n\n")
	return text.String()
}
