package importers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds a line, which is one interaction or less than that.
const maxLine = 1 << 20

// lines reads lines and numbers them.
type lines struct {
	from   *bufio.Reader
	number int
}

func newLines(r io.Reader) *lines { return &lines{from: bufio.NewReaderSize(r, maxLine)} }

// next gives the next line that is not empty. One that is too long is read over.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.from.ReadSlice('\n')
		if len(line) > 0 || err == nil {
			l.number++
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, l.tooLong()
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			return trimmed, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *lines) tooLong() error {
	for {
		_, err := l.from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil || errors.Is(err, io.EOF):
			return &LineError{Line: l.number, Message: "the line is longer than 1 MiB"}
		default:
			return err
		}
	}
}

// lineReader reads a format of a record a line.
type lineReader struct {
	lines *lines
	parse func(line []byte) (r Record, skip bool, problem string)
	end   func() (problem string) // nil: the input may end anywhere
}

// Next implements Reader.
func (r *lineReader) Next() (Record, error) {
	for {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) && r.end != nil {
			if problem := r.end(); problem != "" {
				return Record{}, &LineError{Line: r.lines.number, Message: problem, Fatal: true}
			}
		}
		if err != nil {
			return Record{}, err
		}
		record, skip, problem := r.parse(line)
		if problem != "" {
			return Record{}, &LineError{Line: r.lines.number, Message: problem}
		}
		if !skip {
			record.Line = r.lines.number
			return record, nil
		}
	}
}
