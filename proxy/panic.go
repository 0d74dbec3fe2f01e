package proxy

import (
	"fmt"
	"runtime/debug"

	"reverse-proxy/proxy/eventlog"
)

// contain is deferred by every goroutine that handles bytes of clients or upstreams: if those bytes expose a bug of ours,
// that ends their connection and not the process. It logs the panic with its stack and calls undo, which must not rely on
// anything that the goroutine had begun.
func contain(log *eventlog.Logger, clientIP string, undo func()) {
	reason := recover()
	if reason == nil {
		return
	}
	log.Repeating(eventlog.LevelError, "panic", "PANIC", eventlog.Str("client_ip", clientIP), eventlog.Str("error", fmt.Sprint(reason)), eventlog.Str("stack", string(debug.Stack())))
	undo()
}
