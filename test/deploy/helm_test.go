package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/test/backend"
)

// node is a part of an object of Kubernetes.
type node map[string]any

func (n node) at(names ...string) node {
	for _, name := range names {
		n, _ = n[name].(node)
	}
	return n
}

func (n node) first(name string) node {
	list, _ := n[name].([]any)
	if len(list) == 0 {
		return nil
	}
	one, _ := list[0].(node)
	return one
}

// objects renders the chart with values and gives its objects by kind.
func objects(t *testing.T, chart, values string) (map[string]node, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chart, "../../deploy/helm/raven", file)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, said.String())
	}
	found := map[string]node{}
	for d := yaml.NewDecoder(bytes.NewReader(out)); ; {
		var object node
		if err := d.Decode(&object); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			t.Fatal(err)
		}
		found[fmt.Sprint(object["kind"])] = object
	}
}

func chartProgram(t *testing.T) string {
	t.Helper()
	chart, err := backend.BuildModule("chart", "chart")
	if err != nil {
		t.Fatal(err)
	}
	return chart
}

const embeddedValues = `
replicas: 1
config: { store: { backend: embedded }, log: { level: warn } }
secrets: { store.redis.url: null }
persistence: { enabled: true, storageClass: fast }
tlsSecret: raven-tls
ingress: { enabled: true, className: nginx, tlsSecret: front }
metrics: { enabled: true, serviceMonitor: { enabled: true, labels: { team: agents } } }
networkPolicy: { from: [{ namespaceSelector: {} }], metricsFrom: [{ podSelector: {} }], egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }] }
extraFiles: [{ name: ca, configMap: authorities }]
podLabels: { team: agents }
nodeSelector: { disk: ssd }
`

const everythingValues = `
image: { digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
imagePullSecrets: [registry]
autoscaling: { enabled: true, maxReplicas: 4 }
config: { audit: { backend: postgres }, keys: { tenant: { provider: vault }, vault: { addr: "https://vault:8200", auth: { method: kubernetes, role: raven } } } }
secrets: { audit.postgres.url: { name: raven, key: audit } }
serviceAccount: { automount: true, annotations: { a: b } }
podDisruptionBudget: { maxUnavailable: 25% }
priorityClassName: high
`

func TestChartRendersWhatKubernetesAndRavenKnow(t *testing.T) {
	t.Parallel()
	chart := chartProgram(t)
	always := []string{"ConfigMap", "Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"}
	for name, c := range map[string]struct {
		values string
		also   []string
	}{
		"as it comes": {"{}", nil},
		"embedded":    {embeddedValues, []string{"PersistentVolumeClaim", "Ingress", "ServiceMonitor"}},
		"everything":  {everythingValues, []string{"HorizontalPodAutoscaler"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := objects(t, chart, c.values)
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range append(c.also, always...) {
				if found[kind] == nil {
					t.Errorf("there is no %s", kind)
				}
			}
			if want := len(always) + len(c.also); len(found) != want {
				t.Errorf("%d kinds of objects, want %d", len(found), want)
			}
			checkPod(t, found["Deployment"].at("spec", "template", "spec"))
			checkConfig(t, found)
		})
	}
}

// checkPod holds a pod to what the restricted level of the Pod Security Standards
// asks, and a little more.
func checkPod(t *testing.T, pod node) {
	t.Helper()
	c := pod.first("containers")
	own, all := c.at("securityContext"), pod.at("securityContext")
	dropped, _ := own.at("capabilities")["drop"].([]any)
	for what, holds := range map[string]bool{
		"runs as root":                  all["runAsNonRoot"] == true,
		"has no seccomp profile":        all.at("seccompProfile")["type"] == "RuntimeDefault",
		"may gain privileges":           own["allowPrivilegeEscalation"] == false,
		"has capabilities":              len(dropped) == 1 && dropped[0] == "ALL",
		"can write its root":            own["readOnlyRootFilesystem"] == true,
		"gets variables named RAVEN_":   pod["enableServiceLinks"] == false,
		"is not asked whether it ready": c.at("readinessProbe", "httpGet")["path"] == "/readyz",
		"is not asked whether it lives": c.at("livenessProbe", "httpGet")["path"] == "/healthz",
	} {
		if !holds {
			t.Errorf("the pod %s", what)
		}
	}
}

// checkConfig has Raven read the configuration that the chart writes.
func checkConfig(t *testing.T, found map[string]node) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "raven.yaml")
	text, _ := found["ConfigMap"].at("data")["raven.yaml"].(string)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"keys-platform-keyring": "1:" + strings.Repeat("A", 43) + "=", "store-redis-url": "redis://localhost", "audit-postgres-url": "postgres://localhost/audit",
	}
	var env []string
	list, _ := found["Deployment"].at("spec", "template", "spec").first("containers")["env"].([]any)
	for _, item := range list {
		variable, _ := item.(node)
		name, value := fmt.Sprint(variable["name"]), fmt.Sprint(variable["value"])
		if secret, ok := strings.CutPrefix(value, "/etc/raven/secrets/"); ok {
			value = filepath.Join(dir, secret)
			if err := os.WriteFile(value, []byte(secrets[secret]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		env = append(env, name+"="+value)
	}
	if _, err := config.Load(config.LoadOptions{File: file, Env: env, Serve: true}); err != nil {
		t.Errorf("Raven refuses %s with %q: %v", text, env, err)
	}
}

func TestChartRefusesWhatCantWork(t *testing.T) {
	t.Parallel()
	chart := chartProgram(t)
	for values, want := range map[string]string{
		"nonsense: 1": "additional properties 'nonsense' not allowed",
		"replicas: 0": "/replicas",
		"config: { store: { backend: embedded } }":   "the embedded store has one node",
		"secrets: { store.redis.url: null }":         "needs secrets",
		"config: { registration: { token: x } }":     "/config/registration/token",
		"config: { store: { redis: { url: x } } }":   "/config/store/redis/url",
		"config: { http: { addr: \"0.0.0.0:1\" } }":  "/config/http/addr",
		"persistence: { accessModes: [Everywhere] }": "/persistence/accessModes",
	} {
		if _, err := objects(t, chart, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", values, err)
		}
	}
}
