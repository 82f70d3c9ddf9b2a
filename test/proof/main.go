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
