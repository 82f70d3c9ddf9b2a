package recall

import (
	"strconv"
	"strings"
	"time"
)

const (
	// dateSlack is how long after a time that is asked about people still talk
	// of what happened then. Fitted; 3 to 14 days are alike.
	dateSlack = 7 * 24 * time.Hour
	// maxDates bounds how many dates of a question are looked at.
	maxDates = 4
	// maxYears bounds how far back a date without a year is looked for, from
	// the latest turn.
	maxYears = 50
)

// dateSpan is a time that a question names. Year is 0 for any year, month for
// all of a year, day for all of a month.
type dateSpan struct {
	year  int
	month time.Month
	day   int
}

// interval is a stretch of time in Unix milliseconds; until is not in it.
type interval struct{ from, until int64 }

// in gives the span in a year, with the slack after it.
func (d dateSpan) in(year int) interval {
	from := time.Date(year, max(d.month, 1), max(d.day, 1), 0, 0, 0, 0, time.UTC)
	var to time.Time
	switch {
	case d.month == 0:
		to = from.AddDate(1, 0, 0)
	case d.day == 0:
		to = from.AddDate(0, 1, 0)
	default:
		to = from.AddDate(0, 0, 1)
	}
	return interval{from.UnixMilli(), to.Add(dateSlack).UnixMilli()}
}

// intervals gives all that the dates may mean, for turns between two times.
func intervals(dates []dateSpan, earliest, latest int64) []interval {
	var list []interval
	last := time.UnixMilli(latest).UTC().Year()
	first := max(time.UnixMilli(earliest).UTC().Year()-1, last-maxYears)
	for _, d := range dates[:min(len(dates), maxDates)] {
		if d.year != 0 {
			list = append(list, d.in(d.year))
			continue
		}
		for year := first; year <= last; year++ {
			list = append(list, d.in(year))
		}
	}
	return list
}

// monthNames holds the names of the months, January first, in the languages
// whose texts are told apart.
const monthNames = `january enero janvier января январь январе januari januar január gennaio janeiro
february febrero février февраля февраль феврале februari februar február febbraio fevereiro
march marzo mars марта март марте március märz março maart
april abril avril апреля апрель апреле április aprile
may mayo mai мая май мае maj május maggio maio mei
june junio juin июня июнь июне juni június giugno junho
july julio juillet июля июль июле juli július luglio julho
august agosto août августа август августе augusti augustus augusztus
september septiembre septembre сентября сентябрь сентябре szeptember settembre setembro
october octubre octobre октября октябрь октябре oktober október ottobre outubro
november noviembre novembre ноября ноябрь ноябре
december diciembre décembre декабря декабрь декабре desember dezember dicembre dezembro`

var months = monthTable()

func monthTable() map[string]time.Month {
	table := map[string]time.Month{}
	for i, line := range strings.Split(monthNames, "\n") {
		for name := range strings.FieldsSeq(line) {
			table[name] = time.Month(i + 1)
		}
	}
	return table
}

// doubtful are names of months that mean something else as well. They are
// months beside a number, or after a word of time. joinsDate are the words that
// stand between the parts of a date.
var (
	doubtful   = map[string]bool{"may": true, "march": true, "mars": true, "mai": true, "mei": true, "maj": true}
	joinsDate  = map[string]bool{"of": true, "de": true}
	beforeDate = map[string]bool{
		"in": true, "of": true, "since": true, "until": true, "during": true, "by": true, "before": true, "after": true,
		"last": true, "next": true, "this": true, "early": true, "mid": true, "late": true,
		"en": true, "im": true, "em": true, "i": true,
	}
)

// findDates finds the dates that words name: a year, a month, a day with its
// month, each alone or together, in any usual order.
func findDates(list []string) []dateSpan {
	var found []dateSpan
	for i := 0; i < len(list); i++ {
		year := asYear(list[i])
		month := months[list[i]]
		switch {
		case year != 0 && isoDate(list, i):
			found = append(found, dateSpan{year, time.Month(number(list, i+1)), number(list, i+2)})
			i += 2
		case year != 0:
			found = append(found, dateSpan{year: year})
		case month != 0:
			d, next := monthAt(list, i, month)
			if next > i {
				found = append(found, d)
				i = next - 1
			}
		}
	}
	return found
}

// monthAt reads the day and year around a month's name, and returns where to
// go on; i itself when the name is none here.
func monthAt(list []string, i int, month time.Month) (dateSpan, int) {
	d := dateSpan{month: month}
	next := i + 1
	before := i - 1
	if before >= 1 && joinsDate[list[before]] {
		before--
	}
	if d.day = number(list, before); d.day == 0 {
		if d.day = number(list, next); d.day != 0 {
			next++
		}
	}
	year := next
	if year < len(list) && joinsDate[list[year]] {
		year++
	}
	if year < len(list) {
		d.year = asYear(list[year])
	}
	if d.year != 0 {
		next = year + 1
	}
	alone := d.day == 0 && d.year == 0
	if alone && doubtful[list[i]] && (i == 0 || !beforeDate[list[i-1]]) {
		return d, i
	}
	return d, next
}

func isoDate(list []string, i int) bool {
	return number(list, i+1) >= 1 && number(list, i+1) <= 12 && number(list, i+2) != 0
}

// number reads a day of the month, also as 1st or 3., at i; 0 for none.
func number(list []string, i int) int {
	if i < 0 || i >= len(list) {
		return 0
	}
	digits := strings.TrimRight(list[i], "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 31 || len(list[i])-len(digits) > 2 {
		return 0
	}
	return n
}

func asYear(word string) int {
	if len(word) != 4 || !isDigitAt(word, 0) { // before Atoi, which makes an error of a word
		return 0
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1900 || n > 2199 {
		return 0
	}
	return n
}
