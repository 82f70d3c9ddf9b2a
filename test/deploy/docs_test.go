package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/raven-memory/raven/config"
)

func document(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestVaultsRoleIsForTheNamespaceThatTheChartGoesInto also holds that the pod is
// given what it logs in with.
func TestVaultsRoleIsForTheNamespaceThatTheChartGoesInto(t *testing.T) {
	t.Parallel()
	installed := regexp.MustCompile(`helm install raven \S+ -n (\S+)`).FindStringSubmatch(document(t, "runbooks/start.md"))
	vault := document(t, "vault/README.md")
	bound := regexp.MustCompile(`bound_service_account_namespaces=(\S+)`).FindStringSubmatch(vault)
	if len(installed) == 0 || len(bound) == 0 || installed[1] != bound[1] {
		t.Errorf("the chart is installed with %q, the role is for %q", installed, bound)
	}
	if !strings.Contains(vault, "serviceAccount: { automount: true }") {
		t.Error("nothing says that the service account's token has to be mounted")
	}
}

func TestChartsMemoryIsTwiceThatOfIndexes(t *testing.T) {
	t.Parallel()
	text := document(t, "helm/raven/values.yaml")
	var values struct {
		Resources struct{ Limits struct{ Memory string } }
	}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := values.Resources.Limits.Memory; got != "1Gi" || cfg.Recall.MaxBytes*2 != 1<<30 || !strings.Contains(text, "# twice recall.max_bytes") {
		t.Errorf("the limit is %s, recall.max_bytes %d, and the comment another", got, cfg.Recall.MaxBytes)
	}
}
