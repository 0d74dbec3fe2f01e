package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// leafWithSubject returns a certificate with a subject of several relative distinguished names.
func leafWithSubject(t *testing.T, key *ecdsa.PrivateKey, subject pkix.RDNSequence) *x509.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(subject)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// TestNoSubjectLooksLikeAnotherOne renders subjects that differ only in what a careless reader leaves out: the order, a second
// common name, and which attributes are one relative name.
func TestNoSubjectLooksLikeAnotherOne(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cn, o, ou := asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 10}, asn1.ObjectIdentifier{2, 5, 4, 11}
	mail := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	is := func(kind asn1.ObjectIdentifier, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: kind, Value: value}
	}
	one := func(attributes ...pkix.AttributeTypeAndValue) pkix.RelativeDistinguishedNameSET { return attributes }
	for _, test := range []struct {
		subject pkix.RDNSequence
		want    string
	}{
		{pkix.RDNSequence{}, ""},
		{pkix.RDNSequence{one(is(o, "Example")), one(is(cn, "ann"))}, "CN=ann,O=Example"},
		{pkix.RDNSequence{one(is(cn, "ann")), one(is(o, "Example"))}, "O=Example,CN=ann"},
		{pkix.RDNSequence{one(is(cn, "ann"), is(o, "Example"))}, "CN=ann+O=Example"},
		{pkix.RDNSequence{one(is(cn, "eve")), one(is(cn, "ann"))}, "CN=ann,CN=eve"},
		{pkix.RDNSequence{one(is(cn, "ann,CN=eve"))}, `CN=ann\,CN=eve`},
		{pkix.RDNSequence{one(is(ou, "a")), one(is(cn, "ann")), one(is(ou, "b"))}, "OU=b,CN=ann,OU=a"},
		{pkix.RDNSequence{one(is(cn, "ann\r\nX: 1\x00\u202eé"))}, `CN=ann\0d\0aX: 1\00\e2\80\ae\c3\a9`},
		{pkix.RDNSequence{one(is(cn, `ann\0d`))}, `CN=ann\\0d`},
		{pkix.RDNSequence{one(is(cn, "ann")), one(is(mail, "a@b"))}, "1.2.840.113549.1.9.1=#0c03614062,CN=ann"},
	} {
		leaf := leafWithSubject(t, key, test.subject)
		if got := subjectOf(leaf); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
