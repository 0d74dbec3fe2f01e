package acmetest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// RootsPEM returns the root of the certificates that this Pebble issues. Every start makes a new root.
func (p *Pebble) RootsPEM() ([]byte, error) { return p.get(p.managementURL + "/roots/0") }

// SetRenewalInfo makes Pebble answer requests for the renewal information of a certificate, which is in PEM, with a
// window and its explanation.
func (p *Pebble) SetRenewalInfo(certificate []byte, start, end time.Time, explanation string) error {
	answer, err := json.Marshal(map[string]any{"suggestedWindow": map[string]any{"start": start.UTC(), "end": end.UTC()}, "explanationURL": explanation})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"Certificate": string(certificate), "ARIResponse": string(answer)})
	if err != nil {
		return err
	}
	client, err := p.client()
	if err != nil {
		return err
	}
	resp, err := client.Post(p.managementURL+"/set-renewal-info/", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("setting the renewal information: got %s, want 200: %s", resp.Status, text)
	}
	return nil
}

// client returns a client that trusts Pebble.
func (p *Pebble) client() (*http.Client, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(p.CAFile)
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(pem)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

// get requests a page from Pebble over TLS.
func (p *Pebble) get(url string) ([]byte, error) {
	client, err := p.client()
	if err != nil {
		return nil, err
	}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: got %s, want 200", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// SetIPv4 makes a name resolve to an address other than 127.0.0.1. Two listeners that share Pebble's validation port
// need that.
func (p *Pebble) SetIPv4(host, ip string) error {
	// add-a keeps the addresses that the name already has.
	if err := p.manageDNS("clear-a", map[string]any{"host": host}); err != nil {
		return err
	}
	return p.manageDNS("add-a", map[string]any{"host": host, "addresses": []string{ip}})
}

// SetCNAME makes a name an alias of another one, for all types of records.
func (p *Pebble) SetCNAME(name, target string) error {
	return p.manageDNS("set-cname", map[string]any{"host": name, "target": target})
}

// SetTXT gives a name a TXT record, and ClearTXT removes all of them.
func (p *Pebble) SetTXT(name, value string) error {
	return p.manageDNS("set-txt", map[string]any{"host": name, "value": value})
}

// ClearTXT removes all TXT records of a name.
func (p *Pebble) ClearTXT(name string) error {
	return p.manageDNS("clear-txt", map[string]any{"host": name})
}

// manageDNS sends a command to the DNS server.
func (p *Pebble) manageDNS(command string, arguments map[string]any) error {
	body, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+p.dnsManagement+"/"+command, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %v: got %s, want 200", command, arguments, resp.Status)
	}
	return nil
}
