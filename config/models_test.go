package config_test

import (
	"testing"

	"github.com/raven-memory/raven/config"
)

func TestAModelNeedsItsServerAndName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env []string
		key string
	}{
		"embedder without URL":    {[]string{"RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_MODEL=m"}, "embedder.url"},
		"embedder without model":  {[]string{"RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_URL=http://localhost:1/v1"}, "embedder.model"},
		"reranker without URL":    {[]string{"RAVEN_RERANKER_PROVIDER=tei"}, "reranker.url"},
		"reranker without model":  {[]string{"RAVEN_RERANKER_PROVIDER=openai", "RAVEN_RERANKER_URL=https://a"}, "reranker.model"},
		"extractor without model": {[]string{"RAVEN_EXTRACTOR_PROVIDER=openai", "RAVEN_EXTRACTOR_URL=https://a"}, "extractor.model"},
		"URL for nobody":          {[]string{"RAVEN_EMBEDDER_URL=https://a"}, "embedder.url"},
		"model for rules":         {[]string{"RAVEN_EXTRACTOR_MODEL=m"}, "extractor.model"},
		"key for nobody":          {[]string{"RAVEN_RERANKER_API_KEY=sk-4711"}, "reranker.api_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := refuse(t, config.LoadOptions{Env: c.env})
			if len(list) != 1 {
				t.Errorf("problems: %v", list)
			}
			mustBlame(t, list, c.key, "")
		})
	}
	c := load(t, config.LoadOptions{Env: []string{
		"RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_URL=http://localhost:1/v1", "RAVEN_EMBEDDER_MODEL=m", "RAVEN_EMBEDDER_API_KEY=sk-4711",
		"RAVEN_EMBEDDER_QUERY_PREFIX=query: ", "RAVEN_RERANKER_PROVIDER=tei", "RAVEN_RERANKER_URL=http://localhost:2",
		"RAVEN_EXTRACTOR_PROVIDER=openai", "RAVEN_EXTRACTOR_URL=https://a/v1", "RAVEN_EXTRACTOR_MODEL=m",
	}})
	if c.Embedder.APIKey.Reveal() != "sk-4711" || c.Embedder.QueryPrefix != "query: " || c.Embedder.Batch != 32 {
		t.Errorf("the embedder is %+v", c.Embedder)
	}
}
