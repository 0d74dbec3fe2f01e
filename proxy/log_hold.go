package proxy

import (
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/hold"
)

// logPauseEnd logs the end of a pause with the number of requests that go on.
func logPauseEnd(log *eventlog.Logger, info hold.Info, status string) {
	log.Log(eventlog.LevelInfo, "PAUSE", eventlog.Str("host", info.Host), eventlog.Str("status", status), eventlog.Int("waited", info.Waiting))
}
