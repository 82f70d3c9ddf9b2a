package arch

// module is the import path that all of ours begins with.
const module = "github.com/raven-memory/raven"

// rule says what the packages in a folder may import, besides those of their
// own family.
type rule struct {
	// folder is a folder of the tree; "folder/*" is every folder below it, each
	// of those right below a family; "folder/..." is it with all below, one
	// family.
	folder string
	// ours lists folders of the tree, written the same way.
	ours []string
	// thirdParty lists import paths with all below them; "*" is any.
	thirdParty []string
	// onlyStd, when set, lists all that is allowed of the standard library.
	onlyStd []string
	// notStd lists what is not, with all below.
	notStd []string
}

var anything = []string{"*"}

// effects is what core must not reach: the machine, the network, and chance.
var effects = []string{
	"os", "net", "syscall", "unsafe", "math/rand", "crypto/rand", "crypto/tls", "database/sql", "io/ioutil", "log/syslog", "plugin",
}

// computing is below effects, but only computes.
var computing = []string{"net/url", "net/netip", "net/mail"}

// rules is the dependency rule. The first whose folder matches holds; a folder
// that none matches must hold no package.
var rules = []rule{
	{folder: "core", notStd: effects},
	{folder: "core/*", ours: []string{"core", "ports"}, notStd: effects},
	{folder: "ports", ours: []string{"core"}, onlyStd: []string{"context", "time"}},

	// Driving adapters call the services; driven ones implement ports.
	{folder: "adapters/fiber/...", ours: []string{"core", "core/*", "ports"}, thirdParty: anything},
	{folder: "adapters/mcp/...", ours: []string{"core", "core/*", "ports"}, thirdParty: anything},
	{folder: "adapters/operator", ours: []string{"core", "core/*", "ports"}},
	{folder: "adapters/*", ours: []string{"core", "ports"}, thirdParty: anything},

	{folder: "config", ours: []string{"core"}, thirdParty: []string{"go.yaml.in/yaml/v3"}},
	{folder: "app", ours: product, thirdParty: anything},
	{folder: "app/*", ours: product, thirdParty: anything},
	{folder: "test/*", ours: append([]string{"test/*"}, product...), thirdParty: anything},
}

var product = []string{"core", "core/*", "ports", "adapters/*", "config", "app", "app/*"}

// testsOnly are modules that the product must not hold.
var testsOnly = []string{
	"github.com/chromedp", "github.com/ory/dockertest", "github.com/standard-webhooks/standard-webhooks", "pgregory.net/rapid", "go.uber.org/goleak", "testing", "github.com/stretchr/testify",
}

// use is a name of a package that some folders must not mention.
type use struct {
	folders []string
	except  []string
	pkg     string
	names   []string
	because string
}

var uses = []use{
	{
		folders: []string{"core", "core/*"},
		pkg:     "time",
		names:   []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
		because: "core takes the time from a port",
	},
	{
		folders: append([]string{"ports"}, product...),
		except:  []string{"app/raven"},
		pkg:     "os",
		names:   []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"},
		because: "only the command reads the environment, and hands it to config",
	},
	{
		folders: append([]string{"ports"}, product...),
		pkg:     "syscall",
		names:   []string{"Getenv", "Environ"},
		because: "only the command reads the environment, and hands it to config",
	},
}

// commands are the folders whose package may be main.
var commands = []string{"app/raven", "test/*"}

// topLevel is all that may stand at the top of the tree, besides names that
// begin with a dot and what .gitignore names.
var topLevel = []string{
	"core", "ports", "adapters", "app", "config", "test", "deploy",
	"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "go.mod", "go.sum",
}
