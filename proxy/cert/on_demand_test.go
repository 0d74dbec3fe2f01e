package cert

import (
	"crypto/tls"
	"fmt"
	"sync"
	"testing"
)

// manyNames returns names for a self-signed listener.
func manyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("site-%d.example.test", i)
	}
	return names
}

func TestTenThousandSelfSignedNamesHaveCertificatesThatFitIntoAHandshake(t *testing.T) {
	s, err := NewSelfSigned("127.0.0.1:443", append(manyNames(10_000), "*.apps.example.test"))
	if err != nil {
		t.Fatal(err)
	}
	for name, covered := range map[string]string{"site-0.example.test": "site-0.example.test", "Site-9999.example.TEST": "site-9999.example.test",
		"x.apps.example.test": "*.apps.example.test", "other.example.test": "", "": "", "a.b.apps.example.test": ""} {
		certificate := s.Certificate(&tls.ClientHelloInfo{ServerName: name})
		if covered == "" {
			if certificate != nil {
				t.Errorf("%q: got a certificate for %v, want none", name, certificate.Leaf.DNSNames)
			}
			continue
		}
		if certificate == nil {
			t.Errorf("%q: got no certificate", name)
			continue
		}
		if size := len(certificate.Certificate[0]); size > 2000 || len(certificate.Leaf.DNSNames) != 1 || certificate.Leaf.DNSNames[0] != covered {
			t.Errorf("%q: got a certificate of %d bytes for %v, want a small one for %s", name, size, certificate.Leaf.DNSNames, covered)
		}
	}
	if got := len(s.Certificates()); got != 3 {
		t.Errorf("got %d certificates listed, want the 3 that were asked for", got)
	}
	if !s.Table().Covers("site-17.example.test") || s.Table().Covers("other.example.test") {
		t.Error("the table does not cover exactly its names")
	}
}

func TestACertificateMadeOnDemandIsKept(t *testing.T) {
	s, err := NewSelfSigned("127.0.0.1:443", manyNames(maxTogether+1))
	if err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "site-1.example.test"}
	results := make([]*tls.Certificate, 20)
	var clients sync.WaitGroup
	for i := range results {
		clients.Go(func() { results[i] = s.Certificate(hello) })
	}
	clients.Wait()
	for _, got := range results {
		if got == nil || got != results[0] {
			t.Fatal("clients at the same time got different certificates, want one")
		}
	}
	prepared, err := s.Prepare(manyNames(maxTogether + 2))
	if err != nil {
		t.Fatal(err)
	}
	prepared.Commit()
	if s.Certificate(hello) != results[0] {
		t.Error("after a reload that adds a name: got another certificate, want the same")
	}
	if s.Certificate(&tls.ClientHelloInfo{ServerName: fmt.Sprintf("site-%d.example.test", maxTogether+1)}) == nil {
		t.Error("got no certificate for the name that was added")
	}
	prepared, err = s.Prepare([]string{"site-0.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	prepared.Commit()
	if s.Certificate(hello) != nil || s.Certificate(&tls.ClientHelloInfo{}) == nil {
		t.Error("after a reload to one name: want its certificate, also without a server name, and none for the others")
	}
}
