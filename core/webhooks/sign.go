package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32 // the specification: 24 to 64
)

// headers are those of an attempt, as the specification names and makes them.
func headers(id core.EventID, secrets []core.WebhookSecret, body []byte, now time.Time) map[string]string {
	at := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, s := range secrets {
		signatures = append(signatures, "v1,"+signature(s.Secret, string(id)+"."+at+".", body))
	}
	return map[string]string{
		"webhook-id":        string(id),
		"webhook-timestamp": at,
		"webhook-signature": strings.Join(signatures, " "),
	}
}

func signature(secret []byte, before string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(before))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signing lists the secrets that sign at a time.
func signing(w core.Webhook, now time.Time) []core.WebhookSecret {
	var list []core.WebhookSecret
	for _, s := range w.Secrets {
		if s.Until.IsZero() || s.Until.After(now) {
			list = append(list, s)
		}
	}
	return list
}

// inactive says why nothing may be sent to a webhook, "" when it may.
func inactive(w core.Webhook, now time.Time) string {
	switch {
	case w.URL == "":
		return "There is no webhook_url to deliver to."
	case w.Disabled:
		return "The receiver answered 410; deliveries go on when webhook_url is set again."
	case len(signing(w, now)) == 0:
		return "There is no secret to sign with; POST /tenant/webhook/secret makes one."
	}
	return ""
}
