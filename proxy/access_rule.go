package proxy

// accessRule is the rule of access that has refused a request.
type accessRule uint8

// These are the rules, in the order of accessRules; noRule is the value for a request that no rule has refused.
const (
	noRule accessRule = iota
	byList
	byPassword
	byPasswordQueue
	byService
	byServiceError
	byCertificate
)

// accessRules are the values of the label `rule`.
var accessRules = [...]string{byList: "list", byPassword: "basic", byPasswordQueue: "basic_queue", byService: "forward_auth", byServiceError: "forward_auth_error",
	byCertificate: "certificate"}
