package facts

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parts of patterns. An adverb may stand where people put one.
const (
	iAm    = `(?:I'm|I’m|I am|i'm|i am)`
	adverb = `(?:(?:really|actually|currently|just|now|also|still|always|absolutely|totally|recently|originally|finally|truly|personally|mostly|usually|definitely|so|do)\s+){0,2}`
	of     = `(?:called|named)`
)

// rules is the table. Each pattern begins at the sentence's start.
var rules = []rule{
	first("name", true, `(?:My|my) (?:full |real |first )?name(?:'s| is) (.+)`, proper),
	first("name", true, `(?:You can|Just|just)? ?(?:call|Call) me (.+)`, proper),
	first("age", true, iAm+` `+adverb+`(\d{1,3} years old)`, nil),
	first("age", true, `I `+adverb+`turned (\d{1,3})\b`, nil),

	first("lives in", true, `I `+adverb+`live (?:in|near|outside) (.+)`, place),
	first("lives in", true, iAm+` `+adverb+`(?:living|based) in (.+)`, place),
	first("lives in", true, `I(?:'ve|’ve| have)? `+adverb+`moved (?:back )?(?:to|into) (.+)`, place),
	first("comes from", true, iAm+` `+adverb+`from (.+)`, place),
	first("comes from", true, `I (?:grew up|was born|was raised) in (.+)`, place),

	first("works as", true, `I(?:'ve been)? `+adverb+`(?:work|working|worked) as an? (.+)`, nil),
	first("works as", true, iAm+` (?:currently |now )?working as an? (.+)`, nil),
	first("works as", true, iAm+` `+adverb+`an? (.+)`, occupation),
	first("works at", true, `I `+adverb+`work (?:at|for) (.+)`, proper),
	first("studies", true, iAm+` `+adverb+`(?:studying|majoring in) (.+)`, thing),

	first("likes", false, `I `+adverb+`(?:love|like|enjoy|adore) (.+)`, thing),
	first("likes", false, iAm+` (?:a (?:big|huge) fan of|really into|passionate about|crazy about|fond of|obsessed with) (.+)`, thing),
	first("dislikes", false, `I `+adverb+`(?:hate|dislike|detest|can't stand|can’t stand|don't like|don’t like|do not like) (.+)`, thing),
	first("favorite", true, `(?:My|my) (?:all-time )?fav(?:orite|ourite)? (.+?) (?:is|are|has to be) (.+)`, nil),
	first("plays", false, `I(?:'ve been)? `+adverb+`(?:play|playing) (?:the )?(.+)`, plays),
	first("has", false, `I(?:'ve| have)? (?:have|got) (`+counted+`)`, nil),
	first("has been to", false, `I(?:'ve| have) `+adverb+`been to (.+)`, place),
	first("has been to", false, `I `+adverb+`(?:visited|traveled to|travelled to|went to|took a trip to) (.+)`, place),
	first("volunteers at", false, `I(?:'ve been)? `+adverb+`(?:volunteer|volunteering) (?:at|for|with) (.+)`, nil),
	first("works as", true, `I `+adverb+`(?:got|landed|started) a (?:new )?job as an? (.+)`, nil),
	first("works at", true, `I `+adverb+`(?:got|landed|started) a (?:new )?job (?:at|with) (.+)`, proper),
	first("owns", false, `I `+adverb+`(?:own|run) (.+)`, own),
	first("collects", false, `I `+adverb+`collect (.+)`, thing),
	first("afraid of", false, iAm+` `+adverb+`(?:scared|afraid|terrified) of (.+)`, thing),
	first("allergic to", false, iAm+` `+adverb+`allergic to (.+)`, nil),
	first("diet", true, iAm+` `+adverb+`(?:an? )?((?:vegetarian|vegan|pescatarian|gluten-free|lactose intolerant))\b`, nil),
	first("speaks", false, `I `+adverb+`speak (?:fluent )?([A-Z][a-z]+)\b`, nil),

	first("relationship", true, iAm+` `+adverb+`((?:happily )?(?:married|engaged|divorced|widowed)|single)\b(?:[.,!]| now| again|$)`, nil),
	first("birthday", true, `(?:My|my) birthday(?:'s| is) (?:on )?(.+)`, date),
	named("wife"), named("husband"), named("partner"), named("girlfriend"), named("boyfriend"), named("fiancé"), named("fiancée"),
	named("son"), named("daughter"), named("sister"), named("brother"), named("mother"), named("mom"), named("mum"),
	named("father"), named("dad"), named("grandmother"), named("grandfather"), named("best friend"),
	named("dog"), named("cat"), named("puppy"), named("kitten"), named("horse"), named("parrot"),
	first("pet", false, `(?:I|We) (?:have|'ve got|have got|got|adopted) (?:an? )(?:new |little |rescue )?((?:dog|cat|puppy|kitten|pup|rabbit|parrot|hamster|turtle|snake) (?:called|named) .+)`, nil),

	whose("wife|husband|partner|girlfriend|boyfriend|fiancé|fiancée|ex-wife|ex-husband"),
	whose("son|daughter|kids|children|grandson|granddaughter|grandkids|twins|stepson|stepdaughter"),
	whose("dog|cat|puppy|pup|kitten|horse|parrot|rabbit|hamster|turtle|turtles|dogs|cats"),
	whose("sister|brother|sisters|brothers|siblings|nephew|niece|nephews|nieces"),
	anywhere("runs", false, `(?:own )?((?:\w+ )?(?:studio|store|shop|business|company|startup|start-up|bakery|restaurant|cafe|blog|podcast|YouTube channel|clinic|farm|practice))\b`, thing),
	anywhere("knows", false, `(?:\w+ )?(?:friend|buddy|pal|colleague|coworker|neighbor|neighbour|roommate|teammate|mentor|coach) ([A-Z][a-z]+)\b`, proper),
	anywhere("pet", false, `(?:\w+ )?(?:dog|cat|puppy|pup|kitten|horse|parrot|turtle),? ([A-Z][a-z]+)\b`, proper),
	anywhere("son", true, `son,? ([A-Z][a-z]+)\b`, proper),
	anywhere("daughter", true, `daughter,? ([A-Z][a-z]+)\b`, proper),
	anywhere("wife", true, `wife,? ([A-Z][a-z]+)\b`, proper),
	anywhere("husband", true, `husband,? ([A-Z][a-z]+)\b`, proper),
	first("is learning", false, `(?:I'm|I am|I've been) `+adverb+`(?:learning|taking lessons in|taking classes in) (?:to |how to )?(.+)`, lasting),
	first("is training for", false, `(?:I'm|I am|I've been) `+adverb+`training for (.+)`, lasting),
	first("joined", false, `I(?:'ve| have)? `+adverb+`(?:joined|signed up for|enrolled in) (.+)`, lasting),
	first("started", false, `I(?:'ve| have)? `+adverb+`(?:started|began|taken up|took up) ((?:taking|learning|playing|doing|practicing|volunteering|training|writing|painting|running|going to) .+)`, lasting),
	first("adopted", false, `(?:I|We)(?:'ve| have)? `+adverb+`adopted (.+)`, lasting),
	first("graduated from", false, `I(?:'ve| have)? `+adverb+`graduated from (.+)`, nil),
	first("job", true, `I(?:'ve| have)? `+adverb+`((?:lost|quit|left) my (?:old )?job)\b`, nil),
	first("relationship", true, `(?:I|We)(?:'ve| have)? `+adverb+`got ((?:married|engaged|divorced))\b`, nil),
	first("has been doing", false, `I(?:'ve| have) been (.+ for (?:\d+|two|three|four|five|six|seven|eight|nine|ten|a few|several|many|over \d+|almost \d+|about \d+) years)`, nil),

	// German, Spanish and French: what is said alike everywhere.
	first("name", true, `(?:Ich heiße|Mein Name ist) (.+)`, proper),
	first("lives in", true, `Ich (?:wohne|lebe) (?:jetzt )?in (.+)`, place),
	first("works as", true, `Ich arbeite als (.+)`, nil),
	first("likes", false, `Ich (?:liebe|mag) (.+)`, thing),
	first("allergic to", false, `Ich bin allergisch gegen (.+)`, nil), //nolint:misspell // German
	first("name", true, `(?:Me llamo|Mi nombre es) (.+)`, proper),
	first("lives in", true, `(?:Vivo|Ahora vivo) en (.+)`, place),
	first("works as", true, `(?:Trabajo|Yo trabajo) (?:como|de) (.+)`, nil),
	first("likes", false, `Me (?:gusta|gustan|encanta|encantan) (?:mucho )?(.+)`, thing),
	first("allergic to", false, `Soy alérgic[oa] a (.+)`, nil),
	first("name", true, `(?:Je m'appelle|Je m’appelle|Mon nom est) (.+)`, proper),
	first("lives in", true, `J(?:'|’)habite (?:à|en|au|dans) (.+)`, place),
	first("works as", true, `Je travaille comme (.+)`, nil),
	first("likes", false, `J(?:'|’)(?:aime|adore) (?:beaucoup )?(.+)`, thing),
	first("allergic to", false, `Je suis allergique (?:à|aux|au) (.+)`, nil),
}

func first(attribute string, single bool, pattern string, fits func(string) bool) rule {
	pattern = `^` + pattern
	return rule{attribute: attribute, single: single, pattern: regexp.MustCompile(pattern), sieve: beginning(pattern), fits: fits}
}

// named is for the name of somebody's relative or animal.
func named(who string) rule {
	return first(who, true, `(?:My|my) (?:older |younger |little |big |new |dear |lovely )?`+regexp.QuoteMeta(who)+`(?:'s name is|’s name is| is `+of+`|, whose name is) (.+)`, proper)
}

const mine = `\b(?:my|My) `

// mineWords are what mine matches.
var mineWords = []string{"my ", "My "}

// anywhere is a rule whose pattern need not begin the clause. What it finds is
// somebody's own.
func anywhere(attribute string, single bool, pattern string, fits func(string) bool) rule {
	return rule{attribute: attribute, single: single, pattern: regexp.MustCompile(mine + pattern), sieve: within(pattern), fits: fits}
}

// whose says whom, or which animal, somebody calls theirs.
func whose(who string) rule {
	return anywhere("has", false, `(?:(?:older|younger|little|big|oldest|youngest|new|two|three|four|own|dear|lovely) )?(`+who+
		`)(?:[.,!;:]|['’]|$|\s(?:and|is|was|are|were|has|have|had|got|to|who|for|in|at|on|with|about|that|when|because|so|just|really|also|always|loves?|likes?|said|went)\b|\s[A-Z])`, nil)
}

// lasting reports whether a phrase says what something is.
func lasting(value string) bool { return !pointing.MatchString(value) }

var pointing = regexp.MustCompile(`(?i)^(?:the|your|that|this|our)\b|\b(?:it|this|that|your|you|photo|pic)\b`)

// proper reports whether a phrase is a name: every word begins with a capital.
func proper(value string) bool {
	fields := strings.Fields(value)
	if len(fields) > 4 {
		return false
	}
	for _, w := range fields {
		r, _ := utf8.DecodeRuneInString(w)
		if !unicode.IsUpper(r) && !particles[w] {
			return false
		}
	}
	return !particles[fields[0]]
}

var particles = map[string]bool{"of": true, "de": true, "la": true, "van": true, "von": true, "the": true, "and": true}

// place reports whether a phrase begins with a name, as those of places do, and
// not with that of a month: many say when they were born.
func place(value string) bool {
	value = strings.TrimPrefix(value, "the ")
	r, _ := utf8.DecodeRuneInString(value)
	return unicode.IsUpper(r) && len(strings.Fields(value)) <= 5 && !month.MatchString(value)
}

// begins are the attributes of what begins at some time: a time after the value
// says when it did. What somebody likes, they may like in May alone.
var begins = map[string]bool{
	"lives in": true, "comes from": true, "has been to": true, "works as": true, "works at": true, "volunteers at": true,
	"joined": true, "adopted": true, "graduated from": true,
}

// untimed cuts a value off where a time begins.
func untimed(value string) string {
	if at := when.FindStringIndex(value); at != nil {
		return value[:at[0]]
	}
	return value
}

const (
	months = `(?:January|February|March|April|May|June|July|August|September|October|November|December)\b`
	days   = `(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b`
	many   = `(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d+|(?:a )?few|a couple(?: of)?|several|many)`
	spell  = `(?:day|week|month|year|decade)s?`
)

var (
	month = regexp.MustCompile(`^` + months)
	when  = regexp.MustCompile(`\s(?:` + strings.Join([]string{
		`(?:back )?in (?:early |late |mid-? ?)?(?:(?:19|20)\d\d\b|` + months + `)`,
		`(?:back )?in (?:the )?(?:early |late |mid-? ?)?(?:spring|summer|autumn|fall|winter|(?:19|20)?\d0s)\b`,
		`on (?:` + months + `|` + days + `)`,
		`(?:about |over |almost |nearly |more than )?` + many + ` ` + spell + ` (?:ago|back)\b`,
		`(?:a )?(?:long|short|some|little)(?: while| time)? ago\b`, `a while (?:ago|back)\b`,
		`for (?:the (?:last|past) |about |over |almost |nearly |more than )?(?:` + many + ` )?` + spell + `\b`,
		`(?:earlier )?(?:last|this) (?:week|weekend|month|year|spring|summer|autumn|fall|winter|` + months + `|` + days + `)`,
		`recently\b`, `since\b`,
	}, "|") + `)`)
)

// counted is some of what people have and count.
const counted = `(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|twin|\d{1,2}) (?:\w+ )?(?:kids?|children|child|sons?|daughters?|dogs?|cats?|pups?|puppies|kittens|turtles|horses|chickens|brothers?|sisters?|siblings|grandchildren)\b`

var instruments = wordSet(`guitar piano violin cello drums flute clarinet saxophone trumpet ukulele bass harp harmonica banjo
	viola keyboard oboe trombone accordion basketball football soccer tennis golf chess hockey baseball volleyball badminton
	cricket rugby poker squash softball bowling`)

// plays reports whether a phrase begins with something that is played for
// years, not with a game of the day.
func plays(value string) bool { return instruments[strings.ToLower(strings.Fields(value)[0])] }

// own reports whether a phrase is a thing of one's own.
func own(value string) bool {
	first := strings.ToLower(strings.Fields(value)[0])
	return (first == "a" || first == "an" || first == "my") && !passing.MatchString(strings.TrimPrefix(value, first+" "))
}

// thing reports whether a phrase can be what somebody likes for good: not the
// look of a picture or what the other one just said.
func thing(value string) bool { return !passing.MatchString(value) }

var passing = regexp.MustCompile(`(?i)^(?:the|my new|our|your|that's|for|at|in|on|with|about|of|a good|a nice|an?)\b|\b(?:your|you|it|this|these|those|photo|picture|pic|here|today|tonight|yesterday|tomorrow|him|them|me)\b`)

// occupation reports whether a phrase ends as names of occupations do.
func occupation(value string) bool {
	fields := strings.Fields(strings.ToLower(value))
	return len(fields) <= 4 && occupations[fields[len(fields)-1]]
}

var occupations = wordSet(`accountant actor actress analyst architect artist astronomer attorney baker barber barista bartender
	biologist bookkeeper butcher carpenter cashier chef chemist coach consultant contractor cook counselor dancer dentist designer
	detective developer dietitian director doctor driver economist editor electrician engineer entrepreneur farmer firefighter
	fisherman florist freelancer gardener geologist hairdresser historian illustrator instructor janitor jeweler journalist judge
	lawyer lecturer librarian machinist manager mechanic midwife musician nanny nurse nutritionist optician painter paralegal
	paramedic pharmacist photographer physician physicist physiotherapist pilot plumber politician postman producer professor
	programmer psychiatrist psychologist realtor receptionist researcher sailor salesman salesperson scientist sculptor secretary
	singer soldier statistician student surgeon surveyor tailor teacher technician therapist translator tutor undertaker veterinarian
	vet waiter waitress welder writer`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// date reports whether a phrase holds a number or a month.
func date(value string) bool { return dated.MatchString(value) }

var dated = regexp.MustCompile(`(?i)\d|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b`)
