// Command proof runs what tries to break Raven, and what measures it, and
// writes the figures to one page: each claim with its command, configuration,
// seed and machine.
//
//	go run ./test/proof            minutes
//	go run ./test/proof -long       hours
//	go run ./test/proof -only kill   the sections whose title has that in it; the page keeps the others
package main

import (
	"flag"
	"log"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	log.SetFlags(0)
	long := flag.Bool("long", false, "run the long form of each")
	only := flag.String("only", "", "run the sections whose title has this in it")
	out := flag.String("out", "test/RESULTS.md", "`file` to write the page to")
	locomo := flag.String("locomo", os.Getenv("LOCOMO"), "LoCoMo `file`, for recall; none: recall is left out")
	flag.Parse()
	list := sections(*locomo)
	p := readPage(*out)
	failed := 0
	for _, s := range list {
		if !strings.Contains(strings.ToLower(s.title), strings.ToLower(*only)) {
			continue
		}
		log.Printf("%s …", s.title)
		text, err := s.run(*long)
		if err != nil {
			failed++
			log.Printf("%s: %v", s.title, err)
		}
		p[s.title] = text
		if err := p.write(*out, list); err != nil { // after each, for the whole takes long
			log.Fatal(err)
		}
	}
	if failed > 0 {
		log.Fatalf("%d sections failed", failed)
	}
}

// word is what a command prints; "?" when it fails.
func word(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}

// match is what a pattern's group finds in a file; "?" for nothing.
func match(file, pattern string) string {
	raw, err := os.ReadFile(file) //nolint:gosec // the system's own
	if found := regexp.MustCompile(pattern).FindSubmatch(raw); err == nil && found != nil {
		return string(found[1])
	}
	return "?"
}
