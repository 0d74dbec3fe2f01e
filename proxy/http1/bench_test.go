package http1

import (
	"bytes"
	"strings"
	"testing"
)

// browserRequest is a head as a browser sends it, with 20 field lines.
var browserRequest = crlf(`GET /user/repo/commits/branch/main?page=2&sort=recent HTTP/1.1
Host: git.example.com
Connection: keep-alive
Cache-Control: max-age=0
sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-User: ?1
Sec-Fetch-Dest: document
Referer: https://git.example.com/user/repo
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7
Cookie: session=8f14e45fceea167a5a36dedd4bea2543; lang=en-GB; _csrf=Zm9vYmFyYmF6cXV4LTEyMzQ1Njc4OTA
If-None-Match: W/"5d8c72a5edda8d6a5f1e3b1c0f7c7a2b"
DNT: 1
Priority: u=0, i

`)

var curlRequest = crlf(`GET /1k HTTP/1.1
Host: localhost:8443
User-Agent: curl/7.88.1
Accept: */*

`)

var originResponse = crlf(`HTTP/1.1 200 OK
Date: Mon, 02 Nov 2026 10:00:00 GMT
Content-Type: text/html; charset=utf-8
Content-Length: 1024
Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT
Connection: keep-alive
ETag: "5d8c72a5-400"
Cache-Control: max-age=0, private, must-revalidate, no-transform
X-Frame-Options: SAMEORIGIN
Accept-Ranges: bytes

`)

// crlf turns the line feeds of a literal into CRLF.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func BenchmarkParseRequest(b *testing.B) {
	for name, head := range map[string][]byte{"browser": browserRequest, "curl": curlRequest} {
		b.Run(name, func(b *testing.B) {
			var request Request
			b.SetBytes(int64(len(head)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := request.Parse(head, 0); n != len(head) || err != nil {
					b.Fatalf("got %d %v, want %d", n, err, len(head))
				}
			}
		})
	}
}

func BenchmarkParseResponse(b *testing.B) {
	var response Response
	b.SetBytes(int64(len(originResponse)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := response.Parse(originResponse, 0); n != len(originResponse) || err != nil {
			b.Fatalf("got %d %v, want %d", n, err, len(originResponse))
		}
	}
}

func BenchmarkDecodeChunked(b *testing.B) {
	for name, size := range map[string]int{"100 B chunks": 100, "4 KiB chunks": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			var body []byte
			for range 64 << 10 / size {
				body = AppendChunkHead(body, size)
				body = append(body, bytes.Repeat([]byte("x"), size)...)
				body = AppendChunkEnd(body)
			}
			body = AppendLastChunk(body, nil)
			var decoder ChunkedDecoder
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				decoder.Reset()
				for rest := body; ; {
					_, n, done, err := decoder.Decode(rest)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
					if done {
						break
					}
				}
			}
		})
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var request Request
	if _, err := request.Parse(browserRequest, 0); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRequestLine(buf[:0], request.Method, request.Target)
		buf = AppendFields(buf, request.Fields)
	}
}
