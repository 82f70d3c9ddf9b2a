package backup_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
)

const passphrase = "correct horse battery staple"

// derive stands in for argon2id, which takes its time.
func derive(passphrase string, salt []byte, c backup.Cost) []byte {
	sum := sha256.Sum256(append(append([]byte(passphrase), salt...), byte(c.Passes), byte(c.Memory>>10), c.Lanes))
	return sum[:]
}

// sample are records of about size bytes, in order.
func sample(size int) []backup.Record {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	event := core.Event{ID: "evt_1", Seq: 1, At: at, Data: core.EventData{"count": int64(1) << 60, "share": 0.5, "ids": []any{"a", int64(2)}}}
	return []backup.Record{
		{Header: &backup.Header{CreatedAt: at, Keyring: "1:key\n", Deployment: core.Deployment{ID: "dep", KeyChecks: map[uint32]string{1: "x"}}}},
		{Tenant: &core.TenantImage{Record: core.TenantRecord{ID: "ten_1", Profile: []byte{1, 2}, CreatedAt: at}, Events: []core.Event{event}}},
		{User: &core.UserImage{
			Record:        core.UserRecord{ID: "usr_1", Sealed: bytes.Repeat([]byte{7}, size*3/4)},
			Conversations: []core.ConversationRecord{{ID: "con_1", Interactions: 3}}, Blobs: []core.BlobRecord{{ID: "blb_1"}},
		}},
		{User: &core.UserImage{Record: core.UserRecord{ID: "usr_2"}}},
		{Keys: &backup.Keys{Tenant: "ten_1", DataKeys: []core.WrappedKey{{Version: 2, Wrapped: []byte{9}}}}},
		{Log: &backup.Log{Tenant: "ten_1", Entries: []core.AuditEntry{{Event: event, Leaf: [32]byte{1}, Added: at}}}},
		{Log: &backup.Log{Tenant: core.DeploymentTenant, Pending: []core.Event{event}, Positions: map[string]int64{"audit": 1}}},
	}
}

func write(t *testing.T, records []backup.Record) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := backup.NewWriter(&file, passphrase, derive, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func read(file []byte, passphrase string) (records []backup.Record, totals backup.Totals, err error) {
	r, err := backup.NewReader(bytes.NewReader(file), passphrase, derive)
	if err != nil {
		return nil, totals, err
	}
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, r.Totals(), nil
		}
		if err != nil {
			return records, totals, err
		}
		records = append(records, record)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 60_000, 64 << 10, 200_000} {
		want := sample(size)
		got, totals, err := read(write(t, want), passphrase)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if n := len(got) - 1; n != len(want) || got[n].Totals == nil || !reflect.DeepEqual(got[:n], want) {
			t.Errorf("%d bytes: read %+v", size, got)
		}
		if (totals != backup.Totals{Tenants: 1, Users: 2, Conversations: 1, Interactions: 3, Blobs: 1, AuditEntries: 1}) {
			t.Errorf("%d bytes: the totals are %+v", size, totals)
		}
	}
}

func TestContentIsNotReadable(t *testing.T) {
	t.Parallel()
	file := write(t, sample(100))
	for _, secret := range []string{"1:key", "ten_1", "usr_1"} {
		if bytes.Contains(file, []byte(secret)) {
			t.Errorf("%q stands in the file", secret)
		}
	}
	if again := write(t, sample(100)); bytes.Equal(file[200:], again[200:]) {
		t.Error("two backups of the same are the same")
	}
}

func TestWrongPassphraseIsRefused(t *testing.T) {
	t.Parallel()
	if _, _, err := read(write(t, sample(100)), passphrase+"r"); !errors.Is(err, backup.ErrSealed) {
		t.Errorf("it failed with %v", err)
	}
	if _, err := backup.NewWriter(io.Discard, "short", derive, rand.Reader); err == nil || !strings.Contains(err.Error(), "12 or more") {
		t.Errorf("a short passphrase: %v", err)
	}
}

// TestAnyFlippedBitIsRefused flips bits of every byte of the preamble and of the
// bytes around the chunks' ends, and of one in 97 of the rest.
func TestAnyFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	const chunk = 64<<10 + 16
	file := write(t, sample(150_000))
	for i := range file {
		if near := (i - 47 + chunk + 20) % chunk; i > 80 && i < len(file)-40 && near > 40 && i%97 != 0 {
			continue
		}
		file[i] ^= 1 << (i % 8)
		if _, _, err := read(file, passphrase); !errors.Is(err, backup.ErrSealed) && !errors.Is(err, backup.ErrForm) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		file[i] ^= 1 << (i % 8)
	}
}

func TestCutOrExtendedOrReorderedIsRefused(t *testing.T) {
	t.Parallel()
	const preamble, chunk = 47, 64<<10 + 16
	file := write(t, sample(200_000))
	if len(file) < preamble+3*chunk {
		t.Fatalf("%d bytes are too few", len(file))
	}
	first, second := file[preamble:preamble+chunk], file[preamble+chunk:preamble+2*chunk]
	for name, changed := range map[string][]byte{
		"empty":             nil,
		"half a preamble":   file[:20],
		"only the preamble": file[:preamble],
		"one chunk":         file[:preamble+chunk],
		"two chunks":        file[:preamble+2*chunk],
		"within a chunk":    file[:preamble+chunk+1000],
		"without its end":   file[:len(file)-1],
		"one byte more":     append(bytes.Clone(file), 0),
		"a chunk again":     append(bytes.Clone(file), first...),
		"exchanged":         append(append(append(bytes.Clone(file[:preamble]), second...), first...), file[preamble+2*chunk:]...),
		"one left out":      append(bytes.Clone(file[:preamble]), file[preamble+chunk:]...),
	} {
		if _, _, err := read(changed, passphrase); !errors.Is(err, backup.ErrSealed) && !errors.Is(err, backup.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCostOutOfBoundsIsRefusedBeforeItIsPaid(t *testing.T) {
	t.Parallel()
	never := func(string, []byte, backup.Cost) []byte {
		t.Error("the key was derived")
		return make([]byte, 32)
	}
	const costAt = 15
	for name, change := range map[string]func(p []byte){
		"passes":    func(p []byte) { binary.BigEndian.PutUint32(p, 21) },
		"no passes": func(p []byte) { binary.BigEndian.PutUint32(p, 0) },
		"memory":    func(p []byte) { binary.BigEndian.PutUint32(p[4:], 513<<10) },
		"little":    func(p []byte) { binary.BigEndian.PutUint32(p[4:], 1<<10) },
		"lanes":     func(p []byte) { p[8] = 17 },
	} {
		file := write(t, sample(10))
		change(file[costAt:])
		if _, err := backup.NewReader(bytes.NewReader(file), passphrase, never); !errors.Is(err, backup.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordsOutOfOrderAreRefused(t *testing.T) {
	t.Parallel()
	s := sample(10)
	for name, records := range map[string][]backup.Record{
		"no header":         {s[1]},
		"two headers":       {s[0], s[0]},
		"user of no tenant": {s[0], s[2]},
		"user after a log":  {s[0], s[1], s[5], s[2]},
		"nothing":           {s[0], {}},
		"two in one":        {s[0], {Tenant: s[1].Tenant, User: s[2].User}},
		"other totals":      {s[0], {Totals: &backup.Totals{Tenants: 1}}},
		"more after totals": {s[0], {Totals: &backup.Totals{}}, s[1]},
	} {
		w, err := backup.NewWriter(io.Discard, passphrase, derive, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			if err = w.Write(r); err != nil && i < len(records)-1 {
				t.Errorf("%s: record %d: %v", name, i, err)
			}
		}
		if err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
