package chaos

import "github.com/raven-memory/raven/test/process"

// prove harms the deployment, lets it recover, and compares.
func (w *world) prove() {
	t := w.t
	t.Helper()
	drawn := w.harm()
	w.ready()
	f := findings{}
	var repeated int
	f.acknowledged, repeated = w.settle()
	f.calls = len(w.book.calls)
	for _, x := range w.tenants {
		w.relayed(x)
		before := f.stored
		f.checkMemory(x, &w.book)
		madeUsers, madeConversations := f.checkMade(x, &w.book)
		blobs, sealed := w.checkUsage(x, f.stored-before, madeUsers, madeConversations)
		x.events = w.checkEvents(x, map[string]int64{
			"tenant.created": 1, "user.created": int64(madeUsers), "conversation.created": int64(madeConversations),
			"blobs": blobs, "sealed": sealed,
		})
		f.events += x.events
	}
	w.verify()
	faults := 0
	for _, n := range drawn {
		faults += n
	}
	t.Logf("%s: seed %d; faults %d (%s); calls %d, acknowledged %d (%d by a repeat at the end); interactions stored %d; lost %d, doubled %d, torn %d, out of order %d, from nowhere %d; answers: %s; events %d without gaps",
		w.name, w.seed, faults, inWords(drawn), f.calls, f.acknowledged, repeated, f.stored,
		f.lost, f.doubled, f.torn, f.disordered, f.strangers, inWords(w.book.answers), f.events)
	if f.lost+f.doubled+f.torn+f.disordered+f.strangers > 0 {
		t.Error("what is stored is not what was acknowledged")
	}
	if f.acknowledged < 10*faults {
		t.Errorf("only %d calls were acknowledged; the test proves little", f.acknowledged)
	}
	for i, bad := range w.book.bad {
		t.Errorf("%s", bad)
		if i == 9 {
			t.Errorf("and %d more", len(w.book.bad)-10)
			break
		}
	}
}

// verify stops the nodes and has the audit log verified.
func (w *world) verify() {
	w.t.Helper()
	for _, n := range w.nodes {
		if code := n.server.Stop(); code != 0 {
			w.t.Errorf("a node ended with %d", code)
		}
	}
	if out, err := process.Command(ravenPath, []string{"audit", "verify"}, w.dir, w.env...).CombinedOutput(); err != nil {
		w.t.Errorf("verify: %v\n%s", err, out)
	}
}
