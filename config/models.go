package config

import (
	"net/url"
	"time"

	"github.com/raven-memory/raven/core"
)

// Who can do a model's work.
const (
	ModelsNone     = "none"
	ModelsOpenAI   = "openai" // any server that speaks OpenAI's HTTP API
	RerankerTEI    = "tei"    // Hugging Face's text-embeddings-inference
	ExtractorRules = "rules"  // patterns; for facts only
)

// Model says where a model answers.
type Model struct {
	Provider string
	URL      string
	Model    string
	APIKey   Secret
	Timeout  time.Duration // of one request
}

// Embedder chooses who computes vectors.
type Embedder struct {
	Model
	Dimensions    int64 // asked for; 0 for the model's own
	Batch         int64 // texts of one request
	QueryTimeout  time.Duration
	QueryPrefix   string // put before each text
	PassagePrefix string
}

// Reranker chooses who orders what was found.
type Reranker struct {
	Model
	Top int64 // how many of the best it is asked of
}

// Extractor chooses who finds facts in interactions.
type Extractor struct {
	Model
}

// keys are those that every model has.
func (m *Model) keys(name, timeout, timeoutDoc string) []Key {
	return []Key{
		{name + ".url", "",
			"The server, as an URL with the path that its API is under, such as `http://localhost:11434/v1`. What users say is sent there.",
			modelURL(&m.URL)},
		{name + ".model", "",
			"The model's name, as the server calls it.",
			text(&m.Model, 512)},
		{name + ".api_key", "",
			"The API key to send, as a bearer token. None: none is sent.",
			secret(&m.APIKey, "visible ASCII characters", isVisible)},
		{name + ".timeout", timeout, timeoutDoc, duration(&m.Timeout, 10*time.Millisecond, 10*time.Minute)},
	}
}

func (c *Config) modelKeys() []Key {
	e, r, x := &c.Embedder, &c.Reranker, &c.Extractor
	list := []Key{{"embedder.provider", ModelsNone,
		"Who computes vectors for search: nobody, or a server that speaks OpenAI's HTTP API (Ollama, vLLM, TEI, OpenAI and others). " +
			"They are computed after the answer; while the server is down, search goes on by words alone.",
		choice(&e.Provider, []string{ModelsNone, ModelsOpenAI})}}
	list = append(list, e.keys("embedder", "30s", "The longest that one request for vectors of memory may take. Nobody waits for it.")...)
	list = append(list,
		Key{"embedder.query_timeout", "300ms",
			"The longest that a search waits for the vector of its query; then it answers by words alone.",
			duration(&e.QueryTimeout, 10*time.Millisecond, 10*time.Second)},
		Key{"embedder.dimensions", "0",
			"Dimensions to ask the model for, where it lets itself be asked. 0: its own. After a change of it, of the model or of the prefix of passages, memory is embedded anew in the background.",
			number(&e.Dimensions, 0, core.MaxEmbedDimensions)},
		Key{"embedder.batch", "32",
			"Texts in one request.",
			number(&e.Batch, 1, core.MaxEmbedTexts)},
		Key{"embedder.query_prefix", "",
			"What to put before each query, for models that were trained so, such as `query: `.",
			text(&e.QueryPrefix, 1000)},
		Key{"embedder.passage_prefix", "",
			"What to put before each text of memory.",
			text(&e.PassagePrefix, 1000)},
		Key{"reranker.provider", ModelsNone,
			"Who orders the best of what was found anew: nobody, a server with `/rerank` as Cohere, Jina, vLLM and others have it, or text-embeddings-inference.",
			choice(&r.Provider, []string{ModelsNone, ModelsOpenAI, RerankerTEI})})
	list = append(list, r.keys("reranker", "1s", "The longest that a search waits for the order; then it keeps its own.")...)
	list = append(list,
		Key{"reranker.top", "50",
			"How many of the best are ordered anew.",
			number(&r.Top, 1, core.MaxRerankTexts)},
		Key{"extractor.provider", ExtractorRules,
			"Who finds facts in what users say: nobody, patterns that rather find nothing than something wrong, or a chat model on a server that speaks OpenAI's HTTP API.",
			choice(&x.Provider, []string{ModelsNone, ExtractorRules, ModelsOpenAI})})
	return append(list, x.keys("extractor", "60s", "The longest that one request for facts may take. Nobody waits for it.")...)
}

// text is any text of one line.
func text(target *string, most int) value {
	return checked(target, "text without control characters, or empty for none", func(text string) bool {
		return len(text) <= most && plain(text)
	})
}

func modelURL(target *string) value {
	return checked(target, "an http:// or https:// URL, or empty for none", func(text string) bool {
		if text == "" {
			return true
		}
		u, err := url.Parse(text)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
			u.User == nil && u.RawQuery == "" && u.Fragment == "" && plain(text)
	})
}

// validateModels asks for what a provider needs, and finds what is set for none.
func (c *Config) validateModels(l *problems) {
	c.Embedder.validate("embedder", c.Embedder.Provider != ModelsNone, true, l)
	c.Reranker.validate("reranker", c.Reranker.Provider != ModelsNone, c.Reranker.Provider != RerankerTEI, l)
	c.Extractor.validate("extractor", c.Extractor.Provider == ModelsOpenAI, true, l)
}

// validate checks one model; asked says that it is a server's, and named that the
// server has to be told which.
func (m Model) validate(name string, asked, named bool, l *problems) {
	for _, k := range []struct {
		key    string
		set    bool
		needed bool
	}{
		{name + ".url", m.URL != "", true},
		{name + ".model", m.Model != "", named},
		{name + ".api_key", m.APIKey != "", false},
	} {
		switch {
		case asked && k.needed && !k.set:
			l.addCombination(k.key, "is missing; %s.provider %s needs it", name, m.Provider)
		case !asked && k.set:
			l.addCombination(k.key, "is set, but %s.provider is %s", name, m.Provider)
		}
	}
}
