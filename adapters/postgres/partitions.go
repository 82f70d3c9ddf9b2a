package postgres

import (
	"context"
	"time"
)

// monthsAhead is for how many months after an event's the partitions are made.
const monthsAhead = 2

// month is a month in UTC.
type month struct {
	year  int
	month time.Month
}

func monthOf(t time.Time) month {
	t = t.UTC()
	return month{t.Year(), t.Month()}
}

func (m month) first() time.Time { return time.Date(m.year, m.month, 1, 0, 0, 0, 0, time.UTC) }

func (m month) next() month { return monthOf(m.first().AddDate(0, 1, 0)) }

// ahead is the month and those after it.
func ahead(m month) []month {
	list := []month{m}
	for range monthsAhead {
		m = m.next()
		list = append(list, m)
	}
	return list
}

// partition makes the partitions of the months that it does not know of.
func (l *Log) partition(ctx context.Context, months ...month) error {
	for _, m := range months {
		if l.knows(m) {
			continue
		}
		if _, err := l.pool.Exec(ctx, `SELECT raven_audit_partition($1)`, m.first()); err != nil {
			return err
		}
		l.mu.Lock()
		l.months[m] = true
		l.mu.Unlock()
	}
	return nil
}

func (l *Log) knows(m month) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.months[m]
}

// forgetPartitions has them looked for again: one was dropped.
func (l *Log) forgetPartitions() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.months)
}
