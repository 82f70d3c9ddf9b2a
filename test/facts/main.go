// Command facts judges the facts that the rules find in LoCoMo's conversations
// (Maharana et al., ACL 2024). It draws a sample, the same for the same seed,
// prints each fact with its sentence for whoever judges, and says, from the
// judgements kept in verdicts.tsv, how many of it are right:
//
//	go run ./test/facts -data locomo.json        the figure
//	go run ./test/facts -data locomo.json -print  the sample, to be judged
//
// The data is not part of the repository; verdicts.tsv names its turns.
package main

import (
	"bufio"
	_ "embed" // of the judgements
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

//go:embed verdicts.tsv
var verdicts string

func main() {
	log.SetFlags(0)
	data := flag.String("data", "", "LoCoMo `file`")
	size := flag.Int("sample", 100, "how many facts to judge")
	seed := flag.Uint64("seed", 1, "of the sample")
	show := flag.Bool("print", false, "print the sample")
	flag.Parse()
	all, err := extract(*data)
	if err != nil {
		log.Fatal(err)
	}
	order := rand.New(rand.NewPCG(*seed, 0)).Perm(len(all)) //nolint:gosec // a sample anybody can draw again
	sample := order[:min(*size, len(all))]
	if *show {
		for _, i := range sample {
			fmt.Println(all[i])
		}
		return
	}
	if err := judge(all, sample); err != nil {
		log.Fatal(err)
	}
}

// found is a fact and where it was found.
type found struct {
	conversation, turn, attribute, value, sentence string
}

func (f found) key() string { return strings.Join([]string{f.conversation, f.turn, f.attribute}, "\t") }

func (f found) String() string { return f.key() + "\t" + f.value + "\t| " + f.sentence }

// extract gives every fact that the rules find, in the order of the data.
func extract(path string) ([]found, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, err
	}
	var samples []struct {
		ID       string `json:"sample_id"`
		Sessions []struct {
			Turns []struct {
				ID      string `json:"dia_id"`
				Speaker string `json:"speaker"`
				Text    string `json:"text"`
			} `json:"turns"`
		} `json:"sessions"`
	}
	if err := json.Unmarshal(raw, &samples); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []found
	for _, s := range samples {
		for _, session := range s.Sessions {
			for _, t := range session.Turns {
				for _, c := range (facts.Rules{}).Extract(core.Interaction{Role: core.RoleUser, Name: t.Speaker, Content: t.Text}) {
					all = append(all, found{s.ID, t.ID, c.Attribute, c.Value, c.Text})
				}
			}
		}
	}
	return all, nil
}

// judge counts the sample's facts by their verdicts; one without is an error.
func judge(all []found, sample []int) error {
	known := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(verdicts))
	for lines.Scan() {
		if i := strings.LastIndexByte(lines.Text(), '\t'); i > 0 {
			known[lines.Text()[:i]] = lines.Text()[i+1:]
		}
	}
	right := 0
	for _, i := range sample {
		switch known[all[i].key()] {
		case "right":
			right++
		case "wrong":
			fmt.Println("wrong:", all[i])
		default:
			return fmt.Errorf("not judged: %s", all[i])
		}
	}
	fmt.Printf("%d facts found, %d judged, %d right (%.0f %%)\n", len(all), len(sample), right, 100*float64(right)/float64(len(sample)))
	return lines.Err()
}
