package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// queue is one whose users wait, and whom nobody works off.
func queue() *embedding {
	return newEmbedding(&App{clock: clock{}, log: slog.New(slog.DiscardHandler)})
}

func heardOf(e *embedding, user core.UserID, conversation core.ConversationID, numbers ...int64) {
	list := make([]core.Interaction, len(numbers))
	for i, n := range numbers {
		list[i] = core.Interaction{Conversation: conversation, Number: n}
	}
	e.hear(core.Caller{Tenant: "ten_1"}, user, list)
}

func TestWorkOfAUserIsDoneOneAfterTheOther(t *testing.T) {
	t.Parallel()
	e := queue()
	e.asked = true
	heardOf(e, "usr_1", "cnv_1", 1, 2)
	heardOf(e, "usr_2", "cnv_9", 1)
	heardOf(e, "usr_1", "cnv_1", 3)
	who, work, wait := e.take()
	if who.user != "usr_1" || wait != 0 || work.stretches["cnv_1"] != (core.DerivedPart{Conversation: "cnv_1", First: 1, Last: 3}) {
		t.Fatalf("took %v %+v after %s", who, work, wait)
	}
	heardOf(e, "usr_1", "cnv_1", 4)
	if second, _, _ := e.take(); second.user != "usr_2" {
		t.Fatalf("took %v while the first is at work", second)
	}
	if _, _, wait := e.take(); wait <= 0 {
		t.Error("took work of a user who is at work")
	}
	e.done(context.Background(), who, work, nil)
	who, work, wait = e.take()
	if who.user != "usr_1" || wait != 0 || work.stretches["cnv_1"].First != 4 {
		t.Errorf("then took %v %+v after %s", who, work, wait)
	}
	e.done(context.Background(), who, work, nil)
	e.done(context.Background(), whose{"ten_1", "usr_2"}, embedWork{}, nil)
	if n := e.waiting(); n != 0 {
		t.Errorf("%d users wait", n)
	}
}

func TestWhatFailedIsDoneAgainAndAllWaitForAnEmbedderThatIsDown(t *testing.T) {
	t.Parallel()
	e := queue()
	e.asked = true
	heardOf(e, "usr_1", "cnv_1", 1)
	who, work, _ := e.take()
	heardOf(e, "usr_1", "cnv_1", 2)
	heardOf(e, "usr_2", "cnv_2", 1)
	e.done(context.Background(), who, work, core.Unavailable(errors.New("down")))
	if _, _, wait := e.take(); wait <= 0 {
		t.Error("somebody is embedded right after the embedder was found down")
	}
	e.after = time.Time{}
	e.take()
	_, work, _ = e.take()
	if work.stretches["cnv_1"] != (core.DerivedPart{Conversation: "cnv_1", First: 1, Last: 2}) {
		t.Errorf("what failed is %+v", work.stretches)
	}
}

func TestWhatAlwaysFailsIsLetGo(t *testing.T) {
	t.Parallel()
	e := queue()
	e.asked = true
	heardOf(e, "usr_1", "cnv_1", 1)
	for range embedTries + 1 {
		who, work, wait := e.take()
		if wait > 0 {
			t.Fatalf("nothing to do for %s", wait)
		}
		e.done(context.Background(), who, work, core.NewError(core.CodeBadRequest, "no"))
		if w := e.users[who]; w != nil {
			w.due = time.Time{}
		}
	}
	if n := e.waiting(); n != 0 {
		t.Errorf("%d users wait", n)
	}
}

func TestASearchWaitsForTheIngestToEmbed(t *testing.T) {
	t.Parallel()
	e := queue()
	e.asked = true
	e.want("ten_1", "usr_1")
	if _, _, wait := e.take(); wait <= 0 || wait > embedLater {
		t.Errorf("what is missing is looked for after %s", wait)
	}
	heardOf(e, "usr_1", "cnv_1", 1)
	if _, work, wait := e.take(); wait != 0 || !work.missing || len(work.stretches) != 1 {
		t.Errorf("took %+v after %s", work, wait)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	e := queue()
	e.asked = true
	for i := range 2 * embedStretches {
		heardOf(e, "usr_x", core.ConversationID(fmt.Sprint("cnv_", i)), 1)
	}
	for i := range embedQueue + 10 {
		e.want("ten_1", core.UserID(fmt.Sprint("usr_", i)))
	}
	if _, work, _ := e.take(); e.waiting() != embedQueue || len(work.stretches) != embedStretches {
		t.Errorf("%d users wait; the first with %d conversations", e.waiting(), len(work.stretches))
	}
	e = queue()
	heardOf(e, "usr_x", "cnv_1", 1)
	if e.waiting() != 0 {
		t.Error("somebody waits though there is no embedder")
	}
}
