package backup

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"

	"github.com/raven-memory/raven/core"
)

// Writer writes a backup.
type Writer struct {
	seal   *sealer
	encode *json.Encoder
	order  order
}

// NewWriter begins a backup. random must be cryptographically secure.
func NewWriter(to io.Writer, passphrase string, derive KDF, random io.Reader) (*Writer, error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	p, err := newPreamble(random)
	if err != nil {
		return nil, err
	}
	c, err := newChunks(p, passphrase, derive)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(p[:]); err != nil {
		return nil, err
	}
	s := &sealer{chunks: c, to: to, plain: make([]byte, 0, chunkBytes), sealed: make([]byte, 0, chunkBytes+tagBytes)}
	return &Writer{seal: s, encode: json.NewEncoder(s)}, nil
}

// Write adds a record, in the order that the package's comment says.
func (w *Writer) Write(r Record) error {
	if err := w.order.next(r); err != nil {
		return err
	}
	return w.encode.Encode(r)
}

// Close adds the totals, returns them, and ends the backup; the writer below
// stays open.
func (w *Writer) Close() (Totals, error) {
	totals := w.order.totals
	if err := w.Write(Record{Totals: &totals}); err != nil {
		return totals, err
	}
	return totals, w.seal.flush(true)
}

// Reader reads a backup.
type Reader struct {
	decode *json.Decoder
	order  order
}

// NewReader begins to read a backup: ErrForm, and ErrSealed from what reads
// after it.
func NewReader(from io.Reader, passphrase string, derive KDF) (*Reader, error) {
	p, err := readPreamble(from)
	if err != nil {
		return nil, err
	}
	c, err := newChunks(p, passphrase, derive)
	if err != nil {
		return nil, err
	}
	o := &opener{chunks: c, from: bufio.NewReaderSize(from, chunkBytes), buf: make([]byte, chunkBytes+tagBytes)}
	d := json.NewDecoder(o)
	d.UseNumber() // counts of events are whole
	return &Reader{decode: d}, nil
}

// Next gives the next record; io.EOF when the backup was read to its end and is
// whole.
func (r *Reader) Next() (Record, error) {
	var record Record
	err := r.decode.Decode(&record)
	switch {
	case errors.Is(err, io.EOF) && !r.order.ended:
		return record, errOrder
	case err != nil:
		return record, err
	}
	if err := r.order.next(record); err != nil {
		return record, err
	}
	if t := record.Tenant; t != nil {
		wholeCounts(t.Events)
	}
	if l := record.Log; l != nil {
		wholeCounts(l.Pending)
		for i := range l.Entries {
			wholeCounts([]core.Event{l.Entries[i].Event})
		}
	}
	return record, nil
}

// Totals are those of what was read.
func (r *Reader) Totals() Totals { return r.order.totals }

// wholeCounts gives the numbers of events the type that they have elsewhere.
func wholeCounts(events []core.Event) {
	for _, e := range events {
		e.Data.Numbers()
	}
}
