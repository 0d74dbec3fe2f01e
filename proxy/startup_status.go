package proxy

import (
	"context"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sandbox"
)

// startingText is the answer to commands that a daemon in step 7 cannot carry out.
const startingText = "the daemon is still starting; `reverse-proxy status` shows what it waits for"

// startingDaemon answers the admin socket in step 7, where a CA may keep the daemon waiting for minutes (S-5.8).
type startingDaemon struct {
	config    *config.Config
	began     time.Time
	dynamic   *DynamicConfig
	shared    *sharedState
	listeners listeners
	orders    *orders
}

// handlers returns the functions that carry out the commands.
func (s *startingDaemon) handlers() admin.Handlers {
	return admin.Handlers{
		Reload: func(context.Context) admin.ReloadResult {
			return admin.ReloadResult{Status: admin.StatusError, Message: startingText, Path: s.config.Path}
		},
		Diff: func() admin.DiffResult {
			return admin.DiffResult{Status: admin.StatusError, Message: startingText, Path: s.config.Path}
		},
		Reopen: func() admin.ReopenResult {
			return admin.ReopenResult{Status: admin.StatusError, Message: startingText, Path: s.config.Path}
		},
		Status:     s.status,
		ConfigPath: s.config.Path,
	}
}

// status describes a daemon that does not serve clients yet.
func (s *startingDaemon) status() admin.Status {
	at := now()
	status := processStatus(s.config, s.dynamic, s.shared, s.orders, s.began, at)
	status.Starting = true
	status.Sandbox = sandbox.Status{State: config.SandboxOff}
	s.listeners.describe(&status, at)
	return status.Complete()
}
