package steps

// areas lists the whole vocabulary, in the order in which steps/README.md shows it. A new file of steps adds its area
// here.
func (w *World) areas() []area {
	return []area{
		{"Configuration", w.configSteps()},
		{"Certificates and files", w.fileSteps()},
		{"Networks", w.networkSteps()},
		{"Upstreams", w.upstreamSteps()},
		{"Upstreams that switch protocols", w.switchSteps()},
		{"Upstreams that are odd or at fault", w.faultSteps()},
		{"What an upstream received", w.receivedSteps()},
		{"The daemon", w.daemonSteps()},
		{"The daemon's user", w.userSteps()},
		{"What the daemon costs", w.processorSteps()},
		{"The service manager", w.notifySteps()},
		{"Sockets of the service manager", w.activationSteps()},
		{"The sandbox", w.sandboxSteps()},
		{"Commands", w.commandSteps()},
		{"Validation", w.validationSteps()},
		{"Reload", w.reloadSteps()},
		{"Shutdown", w.shutdownSteps()},
		{"Requests", w.requestSteps()},
		{"Answers", w.answerSteps()},
		{"Raw connections", w.rawSteps()},
		{"Raw connections of slow clients", w.slowSteps()},
		{"Raw HTTP/2", w.h2Steps()},
		{"Idle HTTP/2 connections", w.goAwaySteps()},
		{"Attacks over HTTP/2", w.h2AttackSteps()},
		{"HTTP/2 connections, frame by frame", w.h2ConnSteps()},
		{"Floods of HTTP/2 frames", w.h2FloodSteps()},
		{"TLS handshakes", w.handshakeSteps()},
		{"ACME servers", w.acmeServerSteps()},
		{"ACME listeners", w.acmeSteps()},
		{"The log", w.logSteps()},
		{"The log file and the other ends of the log", w.loggingSteps()},
		{"Rotation of the log", w.logrotateSteps()},
		{"The admin socket", w.adminSteps()},
		{"Clients of the admin socket", w.adminClientSteps()},
		{"The rate limit", w.rateLimitSteps()},
	}
}
