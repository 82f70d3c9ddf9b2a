package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// TestReplaysShowWhatIsThereAndNothingDeleted repeats requests under their keys
// while what they made is there, and after it was deleted.
func TestReplaysShowWhatIsThereAndNothingDeleted(t *testing.T) {
	t.Parallel()
	const users = "/api/v1/users"
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := register(t, start(t, t.TempDir(), env...).URL, "replays", nil)
			for _, made := range []struct {
				path string
				body object
			}{
				{users, object{"display_name": "Zoe", "metadata": object{"pet": "Zoe"}}},
				{users + "/ext:ada/conversations", object{"title": "Of Zoe"}},
				{factsOfAda, object{"text": "I am fond of Zoe."}},
			} {
				for _, with := range []string{"itself", "its-user"} {
					if _, err := c.do("PUT", users+"/ext:ada", nil); err != nil {
						t.Fatal(err)
					}
					key := []string{"Idempotency-Key", with}
					first := c.must(t, http.StatusCreated, "POST", made.path, made.body, key...)
					again := c.must(t, http.StatusCreated, "POST", made.path, made.body, key...)
					if !bytes.Equal(again.raw, first.raw) || again.header.Get("Idempotent-Replayed") != "true" {
						t.Errorf("%s: %s, replayed %s", made.path, first.raw, again.raw)
					}
					gone := first.header.Get("Location")
					if with == "its-user" {
						user, _, _ := strings.Cut(strings.TrimPrefix(gone, users+"/"), "/")
						gone = users + "/" + user
					}
					c.must(t, http.StatusNoContent, "DELETE", gone, nil)
					again = c.must(t, http.StatusNotFound, "POST", made.path, made.body, key...)
					if again.text("code") != "not_found" || again.header.Get("Idempotent-Replayed") != "" || bytes.Contains(again.raw, []byte("Zoe")) {
						t.Errorf("%s, after %s went: %v %s", made.path, gone, again.header, again.raw)
					}
				}
			}
		})
	}
}
