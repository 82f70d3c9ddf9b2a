package recall_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

func TestIndexesAreBuiltSoManyAtOnceAndAllInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const atOnce, asking = 3, 20
		var users []core.UserID
		for i := range asking {
			users = append(users, core.UserID(fmt.Sprint("usr_", i)))
		}
		w := &world{t: t, store: newFakeStore(users...), now: testStart}
		for _, u := range users {
			w.store.append(u, "cnv_1", w.interaction(line{who: "Ann", text: "tea"}))
		}
		w.service = recall.New(w.store, w.store, w.store, suffixStemmer{}, w, recall.Options{Builds: atOnce})
		goOn := make(chan struct{})
		w.store.onBuild = func() { <-goOn }
		search := func(ctx context.Context, user core.UserID) error {
			_, err := w.service.Search(ctx, caller(), user, recall.Query{Text: "tea"})
			return err
		}
		var all sync.WaitGroup
		for _, u := range users[1:] {
			all.Go(func() {
				if err := search(t.Context(), u); err != nil {
					t.Errorf("%s: %v", u, err)
				}
			})
		}
		synctest.Wait()
		if n := w.store.builds.Load(); n != atOnce {
			t.Errorf("%d indexes are built at once", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			if err := search(ctx, users[0]); !errors.Is(err, context.Canceled) {
				t.Errorf("who waits no longer: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(goOn)
		all.Wait()
		if n := w.store.builds.Load(); n != asking-1 {
			t.Errorf("%d indexes were built", n)
		}
	})
}
