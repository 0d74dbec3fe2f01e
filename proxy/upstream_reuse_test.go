package proxy

import (
	"reflect"
	"strings"
	"testing"

	"reverse-proxy/proxy/http1"
)

func TestTheFateOfAConnection(t *testing.T) {
	for _, test := range []struct {
		name         string
		use          upstreamUse
		http1, http2 upstreamFate
	}{
		{"a usual exchange leaves it to be reused", upstreamUse{}, fateReuse, fateReuse},
		{"a request with NTLM credentials pins it", upstreamUse{authenticates: true}, fatePin, fateClose},
		{"a response that offers Negotiate pins it", upstreamUse{offers: true}, fatePin, fateClose},
		{"a connection that was pinned stays pinned", upstreamUse{pinned: true}, fatePin, fateClose},
		{"a GET with a body closes it", upstreamUse{strayBody: true}, fateClose, fateClose},
		{"an Expect that was answered without 100 closes it", upstreamUse{expects: true}, fateClose, fateClose},
		{"an Expect that was answered with 100 leaves it to be reused", upstreamUse{expects: true, invited: true}, fateReuse, fateReuse},
		{"a 100 that no client waited for leaves it to be reused", upstreamUse{invited: true}, fateReuse, fateReuse},
		{"a final response before the whole request was sent closes it", upstreamUse{early: true}, fateClose, fateClose},
		{"a request that was not sent whole closes it", upstreamUse{unsent: true}, fateClose, fateClose},
		{"a response that was not read whole closes it", upstreamUse{unfinished: true}, fateClose, fateClose},
		{"a response that ends the connection closes it", upstreamUse{closing: true}, fateClose, fateClose},
		{"bytes after the response close it", upstreamUse{surplus: true}, fateClose, fateClose},
		{"a cancelled exchange closes it", upstreamUse{cancelled: true}, fateClose, fateClose},
		{"NTLM with bytes after the response closes it", upstreamUse{authenticates: true, surplus: true}, fateClose, fateClose},
		{"a pinned connection is closed after a GET with a body", upstreamUse{pinned: true, strayBody: true}, fateClose, fateClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.use.fate(); got != test.http2 {
				t.Errorf("got %d over HTTP/2, want %d", got, test.http2)
			}
			test.use.ownConnection = true
			if got := test.use.fate(); got != test.http1 {
				t.Errorf("got %d over HTTP/1.1, want %d", got, test.http1)
			}
		})
	}
}

// TestNothingThatHappensMakesAFateKinder goes through all possible uses. Whatever is added to a use, except the signs
// that all is well, must lead to the same fate or a worse one. Any client may use a connection only after a use that
// leaves nothing on it.
func TestNothingThatHappensMakesAFateKinder(t *testing.T) {
	kind := reflect.TypeFor[upstreamUse]()
	useOf := func(bits int) (u upstreamUse) {
		v := reflect.ValueOf(&u).Elem()
		for i := range kind.NumField() {
			reflect.NewAt(kind.Field(i).Type, v.Field(i).Addr().UnsafePointer()).Elem().SetBool(bits>>i&1 == 1)
		}
		return u
	}
	fates := map[upstreamFate]int{}
	for bits := range 1 << kind.NumField() {
		u := useOf(bits)
		fate := u.fate()
		fates[fate]++
		for i := range kind.NumField() {
			name := kind.Field(i).Name
			if bits>>i&1 == 1 || name == "ownConnection" || name == "invited" {
				continue
			}
			if after := useOf(bits | 1<<i).fate(); after > fate {
				t.Errorf("%+v: got %d with %s, want %d at most", u, after, name, fate)
			}
		}
		u.ownConnection, u.invited = false, false
		if fate == fateReuse && u != (upstreamUse{}) && u != (upstreamUse{expects: true}) {
			t.Errorf("%+v: anybody may use the connection", u)
		}
		if fate == fatePin && !useOf(bits).ownConnection {
			t.Errorf("%+v: pinned to a client that has no connection", u)
		}
	}
	for _, fate := range []upstreamFate{fateClose, fatePin, fateReuse} {
		if fates[fate] == 0 {
			t.Errorf("no use leads to %d", fate)
		}
	}
}

// schemeLists maps lists of challenges and credentials to whether they name a scheme that authenticates the connection.
var schemeLists = map[string]bool{
	"NTLM":                              true,
	"Negotiate":                         true,
	"ntlm TlRMTVNTUAABAAAAB4IIogAAAAA=": true,
	"NEGOTIATE YIIJvwYGKwYBBQUCoIIJszCCCa+gMDAuBgkqhkiC9w==": true,
	"Basic realm=\"a\", NTLM":                                true,
	"Basic realm=\"a\",Negotiate, NTLM":                      true,
	"Digest realm=\"a, NTLM\"":                               true, // which costs only a connection
	", ,NTLM":                                                true,
	"\tNTLM\t":                                               true,
	"\xa0NTLM x":                                             true, // a Latin-1 space, which some servers trim
	"NTLM=":                                                  true,
	"NTLM,":                                                  true,
	"":                                                       false,
	",":                                                      false,
	"Basic TlRMOm50bG0=":                                     false,
	"Bearer ntlm":                                            false,
	"Bearer eyJhbGciOiJSUzI1NiJ9.NTLM.Negotiate":    false,
	"Digest username=\"ntlm\", realm=\"negotiate\"": false,
	"NTLM2 x":      false,
	"NTLM-like x":  false,
	"Negotiated x": false,
	"XNTLM x":      false,
}

func TestWhatNamesASchemeThatAuthenticatesTheConnection(t *testing.T) {
	for list, want := range schemeLists {
		if got := namesConnectionScheme(list); got != want {
			t.Errorf("%q: got %v, want %v", list, got, want)
		}
	}
	for _, test := range []struct {
		fields            Fields
		request, response bool
	}{
		{fieldList("Authorization", "NTLM x"), true, false},
		{fieldList("authorization", "Basic x", "AUTHORIZATION", "negotiate x"), true, false},
		{fieldList("Authorization", "Basic x", "Authorizatiom", "NTLM x", "Proxy-Authorization", "NTLM x"), false, false},
		{fieldList("WWW-Authenticate", "NTLM"), false, true},
		{fieldList("www-authenticate", "Basic realm=a", "Www-Authenticate", "Basic, Negotiate"), false, true},
		{fieldList("Persistent-Auth", "true"), false, true},
		{fieldList("persistent-auth", "false"), false, true},
		{fieldList("WWW-Authenticate", "Basic realm=a", "Authentication-Info", "NTLM"), false, false},
		{nil, false, false},
	} {
		if got := authenticatesConnection(test.fields); got != test.request {
			t.Errorf("a request with %v: got %v, want %v", test.fields, got, test.request)
		}
		if got := offersConnectionAuth(test.fields); got != test.response {
			t.Errorf("a response with %v: got %v, want %v", test.fields, got, test.response)
		}
	}
}

// FuzzConnectionSchemes compares with a slow and plain definition.
func FuzzConnectionSchemes(f *testing.F) {
	for list := range schemeLists {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		want := false
		for member := range strings.SplitSeq(list, ",") {
			member = strings.TrimLeftFunc(strings.ToValidUTF8(member, " "), func(r rune) bool { return r > 127 || !isLetter(byte(r)) })
			for _, scheme := range []string{"ntlm", "negotiate"} {
				if len(member) < len(scheme) || !http1.EqualFold(member[:len(scheme)], scheme) {
					continue
				}
				rest := member[len(scheme):]
				want = want || rest == "" || !isSchemeByte(rest[0])
			}
		}
		if got := namesConnectionScheme(list); got != want {
			t.Errorf("%q: got %v, want %v", list, got, want)
		}
	})
}
