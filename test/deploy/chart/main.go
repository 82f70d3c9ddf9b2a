// Command chart lints a Helm chart, renders it with files of values, and checks
// strictly that what comes out are objects that Kubernetes knows: what helm lint,
// helm template and a server's validation of fields do, without a cluster and in
// a module of its own, so that nothing of Kubernetes gets into the product's. It
// prints the objects, and fails with what is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	kube := flag.String("kube", "v1.31.0", "`version` of Kubernetes to render for")
	flag.Parse()
	if flag.NArg() < 1 {
		fmt.Fprintln(os.Stderr, "usage: chart [-kube version] folder [values.yaml …]")
		os.Exit(2)
	}
	if err := check(flag.Arg(0), flag.Args()[1:], *kube); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func check(folder string, files []string, kube string) error {
	version, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		return err
	}
	values := chartutil.Values{}
	for _, file := range files {
		more, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return err
		}
		values = chartutil.MergeTables(more, values) // the later wins
	}
	rendered, err := render(folder, values, version)
	if err != nil {
		return err
	}
	for _, m := range lint.AllWithKubeVersion(folder, values, "raven", version).Messages {
		if m.Severity > support.InfoSev {
			err = errors.Join(err, fmt.Errorf("lint: %s", m))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for document := range strings.SplitSeq(rendered[name], "\n---") {
			if strings.TrimSpace(document) == "" {
				continue
			}
			if wrong := known([]byte(document)); wrong != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", name, wrong))
			}
			fmt.Printf("---\n%s\n", strings.TrimSpace(document))
		}
	}
	return err
}

func render(folder string, values chartutil.Values, kube *chartutil.KubeVersion) (map[string]string, error) {
	chart, err := loader.Load(folder)
	if err != nil {
		return nil, err
	}
	able := chartutil.DefaultCapabilities.Copy()
	able.KubeVersion = *kube
	release := chartutil.ReleaseOptions{Name: "raven", Namespace: "memory", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, able) // which the chart's schema judges
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, all)
}

// known decodes an object into its type, which must have all of its fields.
func known(document []byte) error {
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return err
	}
	object := map[string]any{
		"v1/ConfigMap": &corev1.ConfigMap{}, "v1/Service": &corev1.Service{}, "v1/ServiceAccount": &corev1.ServiceAccount{},
		"v1/PersistentVolumeClaim": &corev1.PersistentVolumeClaim{}, "apps/v1/Deployment": &appsv1.Deployment{},
		"policy/v1/PodDisruptionBudget": &policyv1.PodDisruptionBudget{}, "autoscaling/v2/HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
		"networking.k8s.io/v1/Ingress": &networkingv1.Ingress{}, "networking.k8s.io/v1/NetworkPolicy": &networkingv1.NetworkPolicy{},
		"monitoring.coreos.com/v1/ServiceMonitor": &map[string]any{}, // an extension's
	}[kind.APIVersion+"/"+kind.Kind]
	if object == nil {
		return fmt.Errorf("nobody knows a %s of %s", kind.Kind, kind.APIVersion)
	}
	return yaml.UnmarshalStrict(document, object)
}
