package main

import (
	"io"
	"net/http"
)

// The handlers below answer in ways that no HTTP server should. They hijack the connection from net/http, which would
// not let them.

// early answers 413 before it has read the body, and closes.
func early(w http.ResponseWriter, _ *http.Request, _ string) {
	answerRaw(w, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nearly\n")
}

// closeEarly declares twice the length of what it sends, and closes.
func closeEarly(w http.ResponseWriter, _ *http.Request, _ string) {
	answerRaw(w, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly half\n")
}

// garbage answers with something that is not HTTP.
func garbage(w http.ResponseWriter, _ *http.Request, _ string) {
	answerRaw(w, "\x00\x01\x02 this is not HTTP\r\n\r\n")
}

// nothing closes without an answer.
func nothing(w http.ResponseWriter, _ *http.Request, _ string) {
	answerRaw(w, "")
}

// answerRaw writes the bytes to the client's connection and closes it.
func answerRaw(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot take over the connection: "+err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}
