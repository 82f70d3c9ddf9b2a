package monitoring

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

func TestMetricsAreNamedAsPrometheusAdvises(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.useAll("ada")
	problems, err := promlint.New(bytes.NewReader(s.scrape())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "raven_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// series counts the time series of each metric: those of a histogram are its
// buckets, its sum and its count.
func series(families map[string]*dto.MetricFamily) map[string]int {
	counts := map[string]int{}
	for name, f := range families {
		for _, m := range f.Metric {
			counts[name]++
			if h := m.GetHistogram(); h != nil {
				counts[name] += len(h.Bucket) + 1
			}
		}
	}
	return counts
}

// TestSeriesDoNotGrowWithTenantsUsersOrPaths uses a server as many more tenants,
// with users, references, paths, keys and methods of their own.
func TestSeriesDoNotGrowWithTenantsUsersOrPaths(t *testing.T) {
	t.Parallel()
	const tenants, atOnce, most = 1000, 16, 3000
	s := start(t)
	for i := range 5 {
		s.useAll(fmt.Sprintf("first-%d", i))
	}
	settled := func() map[string]int { return series(s.families()) }
	before := settled()
	for end := time.Now().Add(time.Minute); before["raven_background_rounds_total"] < 4 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		before = settled() // what works in the background comes when it comes
	}
	var workers sync.WaitGroup
	for worker := range atOnce {
		workers.Go(func() {
			for i := worker; i < tenants; i += atOnce {
				s.useAll(fmt.Sprintf("more-%d", i))
			}
		})
	}
	workers.Wait()
	total := 0
	for name, n := range settled() {
		total += n
		// A busy machine may bring an outcome or an operation in the background
		// that was not there before, and never one for each tenant.
		if n > before[name]+50 {
			t.Errorf("%s grew from %d to %d series", name, before[name], n)
		}
	}
	t.Logf("%d series", total)
	if total > most {
		t.Errorf("there are %d series", total)
	}
}
