package proxy

// limitBody refuses a body whose declared length is over the limit before the upstream is used. It applies the limit to a
// body of unknown length, so that the byte that crosses it ends the exchange (S-6, Errors: 413).
func (p *pipeline) limitBody(x *exchange) *answer {
	if x.request.ContentLength > x.bodyLimit() {
		return answerStatus(statusPayloadTooLarge)
	}
	if x.request.Body != nil {
		x.body.begin(x.request.Body, x.bodyLimit())
	}
	return nil
}
