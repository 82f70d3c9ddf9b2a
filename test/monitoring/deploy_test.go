package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/raven-memory/raven/test/backend"
)

const (
	dashboardFile = "../../deploy/grafana/raven.json"
	alertsFile    = "../../deploy/prometheus/alerts.yaml"
	runbooks      = "https://github.com/raven-memory/raven/blob/main/deploy/runbooks/"
)

// panels gives the expressions of the dashboard, by the panel's title.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	var d struct {
		Panels []struct {
			Type, Title, Description string
			Targets                  []struct{ Expr string }
		}
	}
	raw, err := os.ReadFile(dashboardFile)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	exprs := map[string][]string{}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %q says or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			exprs[p.Title] = append(exprs[p.Title], target.Expr)
		}
	}
	return exprs
}

type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	raw, err := os.ReadFile(alertsFile)
	if err == nil {
		err = yaml.Unmarshal(raw, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(?:raven|process|go)_[a-z_]+\b`)
	selector   = regexp.MustCompile(`\b((?:raven|process|go)_[a-z_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// of Prometheus itself, on every series.
var everywhere = []string{"instance", "job", "le"}

// family gives the metric that a name in an expression is of.
func family(families map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && families[base] != nil {
			return families[base]
		}
	}
	return nil
}

func labelsOf(f *dto.MetricFamily) []string {
	names := slices.Clone(everywhere)
	for _, l := range f.Metric[0].Label {
		names = append(names, l.GetName())
	}
	return names
}

// check holds an expression against what the server exports.
func check(t *testing.T, families map[string]*dto.MetricFamily, where, expr string) {
	t.Helper()
	for _, name := range metricName.FindAllString(expr, -1) {
		if family(families, name) == nil {
			t.Errorf("%s: no server exports %s", where, name)
		}
	}
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		f := family(families, s[1])
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if f != nil && !slices.Contains(labelsOf(f), m[1]) {
				t.Errorf("%s: %s has no label %s", where, s[1], m[1])
			}
		}
	}
}

// TestDashboardAndAlertsNameWhatAServerExportsAndShowAllOfIt uses a server whose
// Vault and embedder can't be reached, so that their metrics are there as well.
func TestDashboardAndAlertsNameWhatAServerExportsAndShowAllOfIt(t *testing.T) {
	t.Parallel()
	s := start(t, "RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=http://127.0.0.1:9", "RAVEN_KEYS_VAULT_AUTH_TOKEN=none",
		"RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_URL=http://127.0.0.1:9/v1", "RAVEN_EMBEDDER_MODEL=none",
		"RAVEN_WEBHOOKS_ALLOW_NETWORKS=127.0.0.0/8", "RAVEN_WEBHOOKS_ALLOW_HTTP=true")
	s.useAll("ada")
	key := s.register("hooked", map[string]any{"webhook_url": "http://127.0.0.1:9/"})
	s.call("POST", "/tenant/webhook/secret", key, nil)
	s.call("PUT", "/users/ext:u", key, nil)
	var families map[string]*dto.MetricFamily
	wanted := func() bool {
		families = s.families()
		return families["raven_webhook_attempts_total"] != nil && families["raven_model_calls_total"] != nil && families["raven_background_rounds_total"] != nil
	}
	for end := time.Now().Add(time.Minute); !wanted(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there is no attempt to deliver a webhook, no call of a model, or no background work:\n%s", s.call("GET", "/tenant/webhook/deliveries", key, nil))
		}
	}
	shown := map[string]bool{}
	for title, exprs := range panels(t) {
		for _, expr := range exprs {
			check(t, families, "panel "+title, expr)
			for _, name := range metricName.FindAllString(expr, -1) {
				if f := family(families, name); f != nil {
					shown[f.GetName()] = true
				}
			}
		}
	}
	for _, a := range alerts(t) {
		check(t, families, "alert "+a.Alert, a.Expr)
	}
	for name := range families {
		if strings.HasPrefix(name, "raven_") && !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func TestEveryAlertSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, a := range alerts(t) {
		if !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) || a.Annotations["summary"] == "" {
			t.Errorf("%s: %v, %v", a.Alert, a.Labels, a.Annotations)
		}
		book, ok := strings.CutPrefix(a.Annotations["runbook_url"], runbooks)
		if _, err := os.Stat("../../deploy/runbooks/" + path.Clean(book)); !ok || err != nil {
			t.Errorf("%s leads to no runbook: %s", a.Alert, a.Annotations["runbook_url"])
		}
	}
}

func TestAlertRulesDoWhatTheirTestsSay(t *testing.T) {
	t.Parallel()
	promtool := backend.Promtool(t)
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = filepath.Dir(alertsFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
