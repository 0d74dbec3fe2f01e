package proxy

import "testing"

func TestBeginsHTTP(t *testing.T) {
	for first, want := range map[string]bool{
		"GET /": true, "GET h": true, "PUT /": true, "HEAD ": true, "POST ": true, "DELET": true, "OPTIO": true, "PRI *": true,
		"M-SEA": true, "GE /x": false, "get /": false, "SSH-2": false, "\x16\x03\x01\x02\x00": false, "\x00\x00\x00\x00\x00": false,
		" GET ": false, "-----": false, "GET\r\n": false,
	} {
		if got := beginsHTTP([5]byte([]byte(first))); got != want {
			t.Errorf("beginsHTTP(%q) = %v, want %v", first, got, want)
		}
	}
}
