package backup

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	magic       = "raven-backup 1\n"
	saltBytes   = 16
	prefixBytes = 7
	chunkBytes  = 64 << 10
	tagBytes    = 16

	costAt     = len(magic)
	saltAt     = costAt + 9
	prefixAt   = saltAt + saltBytes
	headerSize = prefixAt + prefixBytes
)

// preamble is what stands before the chunks.
type preamble [headerSize]byte

func newPreamble(random io.Reader) (p preamble, err error) {
	copy(p[:], magic)
	binary.BigEndian.PutUint32(p[costAt:], newCost.Passes)
	binary.BigEndian.PutUint32(p[costAt+4:], newCost.Memory)
	p[costAt+8] = newCost.Lanes
	if _, err := io.ReadFull(random, p[saltAt:]); err != nil {
		return p, fmt.Errorf("randomness for a backup: %w", err)
	}
	return p, nil
}

// readPreamble refuses a cost out of bounds before anything is computed.
func readPreamble(r io.Reader) (p preamble, err error) {
	if _, err := io.ReadFull(r, p[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrForm
		}
		return p, err
	}
	if string(p[:len(magic)]) != magic || !p.cost().bounded() {
		return p, ErrForm
	}
	return p, nil
}

func (p *preamble) cost() Cost {
	return Cost{
		Passes: binary.BigEndian.Uint32(p[costAt:]),
		Memory: binary.BigEndian.Uint32(p[costAt+4:]),
		Lanes:  p[costAt+8],
	}
}

// chunks seals or opens chunks, one after the other.
type chunks struct {
	aead     cipher.AEAD
	preamble preamble
	number   uint64
}

func newChunks(p preamble, passphrase string, derive KDF) (*chunks, error) {
	key := derive(passphrase, p[saltAt:prefixAt], p.cost())
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &chunks{aead: aead, preamble: p}, nil
}

// nonce is the next chunk's.
func (c *chunks) nonce(last bool) ([]byte, error) {
	if c.number > math.MaxUint32 {
		return nil, errors.New("the backup is larger than 256 TiB")
	}
	nonce := make([]byte, 0, prefixBytes+5)
	nonce = append(nonce, c.preamble[prefixAt:]...)
	nonce = binary.BigEndian.AppendUint32(nonce, uint32(c.number))
	c.number++
	if last {
		return append(nonce, 1), nil
	}
	return append(nonce, 0), nil
}

// sealer writes chunks.
type sealer struct {
	*chunks
	to     io.Writer
	plain  []byte // that is not sealed yet, at most a chunk
	sealed []byte
}

// Write seals what fills chunks. A full chunk waits for what follows it: it may
// be the last.
func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(s.plain) == chunkBytes {
			if err := s.flush(false); err != nil {
				return n, err
			}
		}
		some := min(len(p), chunkBytes-len(s.plain))
		s.plain = append(s.plain, p[:some]...)
		p, n = p[some:], n+some
	}
	return n, nil
}

func (s *sealer) flush(last bool) error {
	nonce, err := s.nonce(last)
	if err != nil {
		return err
	}
	s.sealed = s.aead.Seal(s.sealed[:0], nonce, s.plain, s.preamble[:])
	clear(s.plain)
	s.plain = s.plain[:0]
	_, err = s.to.Write(s.sealed)
	return err
}

// opener reads chunks. It gives nothing of a chunk that is not authentic.
type opener struct {
	*chunks
	from  *bufio.Reader
	buf   []byte
	plain []byte // of buf, what was not read yet
	done  bool
}

// Read fails with ErrSealed where a chunk does not open, also when the last is
// missing.
func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.done {
			return 0, io.EOF
		}
		if err := o.open(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *opener) open() error {
	o.buf = o.buf[:cap(o.buf)]
	n, err := io.ReadFull(o.from, o.buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if err == nil {
		if _, err = o.from.Peek(1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	last := err != nil
	nonce, err := o.nonce(last)
	if err != nil {
		return err
	}
	o.plain, err = o.aead.Open(o.buf[:0], nonce, o.buf[:n], o.preamble[:])
	if err != nil {
		return ErrSealed
	}
	o.done = last
	return nil
}
