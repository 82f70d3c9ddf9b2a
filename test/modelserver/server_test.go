package modelserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/modelserver"
)

func TestOneTextIsEmbeddedAsAListOfOneIs(t *testing.T) {
	t.Parallel()
	ask := func(input string) string {
		r := httptest.NewRequest(http.MethodPost, "/embeddings", strings.NewReader(`{"model": "m", "input": `+input+`}`))
		w := httptest.NewRecorder()
		new(modelserver.Server).ServeHTTP(w, r)
		return w.Body.String()
	}
	if one, list := ask(`"a dog"`), ask(`["a dog"]`); one != list || !strings.Contains(one, "embedding") {
		t.Errorf("one text gives %s, a list of it %s", one, list)
	}
}
