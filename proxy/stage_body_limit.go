package proxy

// limitBody refuses a body that declares more than the limit before the upstream is touched, and puts the limit around
// one whose length is not known, so that the byte that crosses it ends the exchange (S-6, Errors: 413).
func (p *pipeline) limitBody(x *exchange) *answer {
	if x.request.ContentLength > x.config.BodyLimit {
		return answerStatus(statusPayloadTooLarge)
	}
	if x.request.Body != nil {
		x.body.begin(x.request.Body, x.config.BodyLimit)
	}
	return nil
}
