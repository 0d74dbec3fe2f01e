// Package proxy is the core of the reverse proxy: the command line, start, reload and shutdown, the client and upstream
// connections over HTTP/1.1 and HTTP/2, the stages of a request and the metrics. startup.go is the start, reload.go the
// reload, and pipeline.go the way of a request. docs/architecture.md describes how they work together.
//
// It leaves to leaf packages what can be understood without the daemon: config (file to validated value), check (reports on
// a file), cert and acmecert (certificates), eventlog (log lines), limit (rate limit), deadline (timeouts), share (upstream
// connections shared among clients), admin (the admin socket), sandbox (what the process gives up), systemd (the service
// manager), http1 and http2 (bytes to messages and back), and, for all of them, wording (values in words), process
// (descriptors and memory) and exitcode. docs/architecture.md lists the others. The leaf packages know nothing of the core;
// imports_test.go lists what each may import.
package proxy
