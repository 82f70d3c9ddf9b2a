package tenancy

// Check is what says what is wrong with a webhook's URL.
func (r WebhookRules) Check(raw string) string { return r.check(raw) }
