package config

import (
	"net/url"
	"strconv"
	"strings"
)

// Tracing says where traces go.
type Tracing struct {
	Endpoint    string // "" for nowhere: none are made
	Headers     Secret // "name=value,…"
	SampleRatio float64
	Service     string
}

// HeaderMap is the headers by name.
func (t Tracing) HeaderMap() map[string]string {
	headers, _ := parseHeaders(t.Headers.Reveal()) // Load has checked it
	return headers
}

func (c *Config) tracingKeys() []Key {
	t := &c.Tracing
	return []Key{
		{"tracing.endpoint", "",
			"Where OpenTelemetry traces are sent, by OTLP over HTTP: http://localhost:4318, for example; the path is /v1/traces unless it says another. " +
				"None: no traces are made.",
			checked(&t.Endpoint, "an http:// or https:// URL, or empty for none", isCollector)},
		{"tracing.headers", "",
			"Headers to send with them, such as a collector's key: name=value, separated by commas.",
			secret(&t.Headers, "name=value,name=value", func(text string) bool { _, ok := parseHeaders(text); return ok })},
		{"tracing.sample_ratio", "1",
			"The share of traces that are made, also of those that callers began. One that its caller does not sample is not made.",
			ratio(&t.SampleRatio)},
		{"tracing.service_name", "raven",
			"What the service is called in traces.",
			checked(&t.Service, "1 to 100 visible ASCII characters", func(text string) bool {
				return text != "" && len(text) <= 100 && isVisible(text)
			})},
	}
}

func isCollector(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// parseHeaders reads "name=value,name=value".
func parseHeaders(text string) (map[string]string, bool) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !isHeaderName(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return nil, false
		}
		headers[name] = value
	}
	return headers, true
}

func isHeaderName(text string) bool {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
	}
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) })
}

// ratio is a share of a whole.
func ratio(target *float64) value {
	const allowed = "0 to 1"
	parse := func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(f >= 0 && f <= 1) { // NaN is neither
			return 0, refused(text, allowed)
		}
		return f, nil
	}
	return field(target, allowed, parse, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) })
}
