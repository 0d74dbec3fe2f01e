package proxy

import "strings"

// dataPathSeeds are the seeds of FuzzDataPath: each form of a message, and some errors in each.
var dataPathSeeds = []struct{ request, answer string }{
	{getA, okResponse},
	{getA + getA + getA, okResponse},
	{getA + "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n3;a=b\r\nmor\r\n0\r\nX-Sum: 1\r\nX-Real-IP: 6.6.6.6\r\n\r\n" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodyGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4\r\nbody\r\n", 60) + "1\r\nx" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9999\r\n\r\nbody" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + strings.Repeat("x", 0x800) + "\r\n0\r\n\r\n" + getA, okResponse},
	{"POST /x HTTP/1.1\r\nHost: b.test\r\nContent-Length: 37\r\n\r\n" + getA, okResponse},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody" + getA, "HTTP/1.1 100 Continue\r\n\r\n" + okResponse},
	{"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n" + getA, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
	{"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n" + getA, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"},
	{"GET http://a.test?x HTTP/1.1\r\nHost: b.test\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-Real-IP, X-Hop\r\nX-Hop: 1\r\nx_forwarded_for: 6.6.6.6\r\nTE: trailers\r\n\r\n" + getA, okResponse},
	{"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\ntunnelled", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nback"},
	{"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n" + getA, okResponse},
	{"\r\n" + getA + "\x00\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + okResponse},
	{getA + getA, okResponse + okResponse},
	{getA + getA, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut"},
	{getA + getA, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"},
	{getA, "HTTP/1.1 200 OK\r\nConnection: X-A\r\nX-A: 1\r\nServer: x\r\n\r\nto the end"},
	{getA, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
	{getA, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello"},
	{"GET / HTTP/1.1\r\nHost: A.test.:1\r\nConnection: X-Rule\r\nX_rule: forged\r\nx-rule: forged\r\nX_Removed: 1\r\n\r\n" + getA, "HTTP/1.1 200 OK\r\nX-Rule: own\r\nx-removed: 1\r\nContent-Length: 0\r\n\r\n"},
	{"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Rule\r\n\r\n0\r\nX-Rule: forged\r\nX_Removed: 1\r\n\r\n" + getA, okResponse},
	{getA, "HTTP/1.0 200 OK\r\n\r\n"},
	{getA, ""},
}
