package proxy

// writeAccessRefusals writes the requests that rules of access have refused.
func writeAccessRefusals(s *scrape, t *metricsText) {
	for i, series := range s.series[1:] {
		for rule := byList; int(rule) < len(accessRules); rule++ {
			t.count(s.totals[1+i].refused[rule], series.host, series.listener, accessRules[rule])
		}
	}
}

// writePasswordChecks writes the results of the password checks.
func writePasswordChecks(s *scrape, t *metricsText) {
	counts := &s.pipeline.passwords.Counts
	t.count(counts.Right.Load(), "right")
	t.count(counts.Remembered.Load(), "remembered")
	t.count(counts.Wrong.Load(), "wrong")
	t.count(counts.Busy.Load(), "busy")
}
