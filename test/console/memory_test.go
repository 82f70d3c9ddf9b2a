package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOverviewShowsUsageActivityAndEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.sees("2 buffered, 3 sealed")
	p.sees("1 of 5,000")
	p.sees("3 interactions sealed into 1 blob of")
	p.until("the meter tells its value", `document.querySelector('[role=meter][aria-label=Users]')?.getAttribute('aria-valuetext') === '1 of 5,000'`)
	p.until("the chart is described", `document.querySelector('svg[role=img]')?.getAttribute('aria-label').includes('3 in 14 days')`)
	p.click("The same as a table")
	if n := p.count("figure tbody tr"); n != 14 {
		t.Errorf("the table beside the chart has %d days", n)
	}
	p.sees("invoiceU+202E") // of the tenant's name
}

func TestUsersAreFoundByReferenceAndPaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		w.must("POST", "/users", object{"external_ref": fmt.Sprintf("user-%02d", i)})
	}
	p := w.console()
	p.click("Users")
	p.heading("Users")
	p.sees("user-23")
	p.seesNot("user-24")
	p.click("Next")
	p.sees("user-29")
	p.sees("Page 2")
	p.click("Previous")
	p.sees("user-00")
	p.fill("Your own id of the user (external_ref), exactly", hostRef)
	p.click("Find")
	p.sees("Show all users")
	p.sees(hostRef)
	if n := p.count("tbody tr"); n != 1 {
		t.Errorf("a reference finds %d users", n)
	}
	p.fill("Your own id of the user (external_ref), exactly", hostRef+"x")
	p.click("Find")
	p.sees("No user has the reference")
	p.open("#/users?ref=" + escape(hostRef))
	p.click("Ada…")
	p.until("the user's page is open", `location.hash === `+quote(w.hash()))
	p.sees("Trip " + badImage)
	p.click("Metadata")
	p.sees(`"` + scriptTag + `":`)
}

func TestUserIsDeletedAfterAQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash())
	p.click("Delete user")
	p.sees("can’t be undone")
	p.click("Cancel")
	if status, _ := w.call("GET", "/users/"+w.user, nil); status != http.StatusOK {
		t.Fatalf("a deletion that was cancelled: %d", status)
	}
	p.click("Delete user")
	p.sees("can’t be undone")
	p.click("Delete user")
	p.heading("Users")
	if status, _ := w.call("GET", "/users/"+w.user, nil); status != http.StatusNotFound {
		t.Errorf("the deleted user: %d", status)
	}
}

// turns gives role, state and text of each interaction on the page.
func (p *page) turns() (list [][3]string) {
	p.t.Helper()
	p.eval(`[...document.querySelectorAll('.turn')].map((t) => [t.classList[1], t.querySelector('header .chip').textContent, t.querySelector('.content').textContent])`, &list)
	return list
}

func TestConversationIsAThreadOfInertText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash())
	p.click("Trip " + badImage)
	p.sees("Welcome to Lisbon!")
	p.click("Show all 65,536 characters")
	p.until("all of it is shown", `[...document.querySelectorAll('.content')].some((c) => c.textContent.length === 65536)`)
	want := [][3]string{
		{"user", "Sealed", "I moved to Lisbon in May. " + hostile}, {"assistant", "Sealed", "Welcome to Lisbon! Is there anything you must not eat?"},
		{"user", "Sealed", "I'm allergic to peanuts. " + shown}, {"tool", "Buffered", long}, {"system", "Buffered", "שלום " + emoji + " — and on\nthe next line"},
	}
	got := p.turns()
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("the thread is %.300q, want %.300q", got, want)
		}
	}
	var alive int
	p.eval(`document.querySelectorAll('.content *:not(.mark), .who bdi *:not(.mark), h1 bdi *').length`, &alive)
	if alive > 0 {
		t.Errorf("%d elements came out of stored text", alive)
	}
	p.click("Metadata")
	p.sees(`"` + strings.ReplaceAll(badImage, `"`, `\"`) + `":`)
	p.click("Newest first")
	p.until("the newest is first", `document.querySelector('.turn')?.classList.contains('system')`)
}

func TestLongConversationIsReadInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var more []object
	for i := range 70 {
		more = append(more, object{"role": "user", "content": fmt.Sprintf("turn %03d", i)})
	}
	w.ingest(more...)
	p := w.console()
	p.open(w.hash("conversations", w.conversation))
	p.sees("turn 044")
	p.seesNot("turn 045")
	p.click("Show more")
	p.sees("turn 069")
	if n := p.count(".turn"); n != 75 {
		t.Errorf("the thread has %d interactions", n)
	}
}

func TestOneInteractionIsDeletedAndTheRestSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash("conversations", w.conversation))
	p.sees("allergic to peanuts")
	p.eval(`[...document.querySelectorAll('.turn')].find((t) => t.textContent.includes('peanuts')).querySelector('header button').click()`, nil)
	p.sees("with the facts that rest on it alone")
	p.click("Delete interaction")
	p.seesNot("peanuts")
	if n := p.count(".turn"); n != 4 {
		t.Errorf("%d interactions are left", n)
	}
	for _, i := range w.must("GET", w.of("conversations", w.conversation, "memory"), nil).list("data") {
		if i.text("id") == w.interactions[2] {
			t.Error("the interaction is still stored")
		}
	}
	p.click("Seal now")
	p.until("all are sealed", `document.querySelectorAll('.turn').length === 4 && !document.querySelector('.turn .chip.warn')`)
	p.click("Close")
	p.click("Close conversation")
	p.until("it is closed", `[...document.querySelectorAll('.page-head .chip')].some((c) => c.textContent === 'Closed')`)
	p.click("Delete")
	p.click("Delete conversation")
	p.sees("There are no conversations yet.")
}

func TestFactsShowTheirHistoryAndAreCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash("facts"))
	p.sees("My cat is called " + badImage + ".")
	p.click("History: 1 earlier version")
	p.sees("I live in Porto.")
	p.shot("facts-history")
	p.click("Correct: I live in Lisbon.")
	p.fill("Fact", "I live in Cascais near Lisbon. "+scriptTag)
	p.click("Save")
	p.until("the correction is shown", `document.querySelector('.facts')?.textContent.includes(`+quote("Cascais near Lisbon. "+scriptTag)+`) && !document.querySelector('dialog')`)
	p.click("Forget: My cat…")
	p.click("Forget fact")
	p.until("the fact is gone", `document.querySelector('.facts') && !document.querySelector('.facts').textContent.includes('My cat')`)
	p.click("State a fact")
	p.fill("Fact", "I work for Acme.")
	p.click("State")
	p.until("the stated fact is shown", `document.querySelector('.facts')?.textContent.includes('I work for Acme.')`)
	var texts []string
	for _, f := range w.must("GET", w.of("facts"), nil).list("data") {
		texts = append(texts, f.text("text"))
	}
	all := strings.Join(texts, "\n")
	if strings.Contains(all, "My cat") || !strings.Contains(all, "Cascais") || !strings.Contains(all, "Acme") {
		t.Errorf("the facts are %q", texts)
	}
}

func TestFactOfLaterIsShownApartFromWhatHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("POST", w.of("facts"), object{"text": "I live in Madrid.", "valid_from": time.Now().UTC().AddDate(1, 0, 0).Format(time.RFC3339)})
	p := w.console()
	p.open(w.hash("facts"))
	p.sees("What will hold")
	const of = `[...document.querySelectorAll('section')].find((s) => s.querySelector('h2')?.textContent === %s)?.textContent.includes(%s)`
	for section, text := range map[string]string{"What holds": "I live in Lisbon.", "What will hold": "I live in Madrid."} {
		p.until(text+" is below "+section, fmt.Sprintf(of, quote(section), quote(text)))
	}
	p.until("it does not hold yet", "!"+fmt.Sprintf(of, quote("What holds"), quote("Madrid")))
	p.shot("facts-of-later")
}

func TestRecallShowsTheContextAndWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash("recall"))
	p.fill("Question", "What is Ada allergic to? "+badImage)
	p.fill("Tokens at most", 900)
	p.click("Ask")
	p.sees("allergic to peanuts")
	p.sees(" of 900 tokens")
	p.until("what is in the block is marked", `[...document.querySelectorAll('.ranking li')].some((li) => li.textContent.includes('peanuts') && li.textContent.includes('In the block'))`)
	p.eval(`document.querySelector('.ranking summary').click()`, nil)
	p.until("the score is broken down", `document.querySelector('.ranking details[open]')?.textContent.includes('Words of the question in it (BM25)')`)
	p.expectAccessible("recall's answer")
	p.shot("recall-answer")
	p.click("Filters")
	p.fill("User", false)
	p.fill("System", false)
	p.fill("Tool", false)
	p.fill("Facts", false)
	p.click("Ask")
	p.until("only the assistant is ranked", `[...document.querySelectorAll('.ranking li .rank-head')].every((h) => /^(Fact|Interaction(In the block)?assistant)/.test(h.textContent)) && document.querySelector('.results')`)
	p.fill("Tokens at most", 5)
	p.click("Ask")
	var valid bool
	p.eval(`document.querySelector('[name=max_tokens]').validity.valid`, &valid)
	if valid {
		t.Error("five tokens pass")
	}
}
