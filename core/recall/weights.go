package recall

// Weights say how much each signal of the ranking counts. A weight of 0 and a
// factor of 1 switch a signal off.
type Weights struct {
	Window    float64 // BM25 of a turn with those around it, against the turn's own
	Session   float64 // BM25 of its session, likewise
	Neighbour float64 // what the turn next to one adds of its own score; each step further away halves it
	Answer    float64 // factor of what a turn gets from the question right before it: what is asked and answered shares few words
	Speaker   float64 // factor for turns of whom the question names: people mostly tell of themselves
	Question  float64 // factor for turns that end by asking: they hold less than what answers them
	Date      float64 // factor for turns of a time that the question names
	Kin       float64 // BM25 of words that are related to the question's, against that of its own
	Vector    float64 // what the turn gets whose vector is nearest to the question's; one that is as near as most gets nothing
	Name      float64 // factor of a speaker's name in the text itself: who is called by name is rarely who says the thing
}

// DefaultWeights were fitted on five conversations of LoCoMo (Maharana et al.,
// ACL 2024), each tried on the one left out; the fit is flat around them, so
// they are kept round.
func DefaultWeights() Weights {
	return Weights{
		Window: 0.2, Session: 0.2, Neighbour: 0.3, Answer: 2, Speaker: 1.8, Question: 0.8, Date: 3, Name: 0.5, Vector: 0.4, Kin: 0.2,
	}
}

const (
	// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
	// 2009). Turns are short: saturation and length weigh less than in
	// documents; 0.9 and 0.4 are the values that Anserini uses for passages.
	turnK1 = 0.9
	turnB  = 0.4
	// Sessions are documents; these are the values usual for them.
	sessionK1 = 1.2
	sessionB  = 0.75
	// Windows are alike in length, so it does not count.
	windowK1     = 1.2
	windowRadius = 2 // turns either side

	neighbourRadius = 3 // turns either side
)

// field is what a concept's matches count as.
type field uint8

const (
	said   field = iota // a word of the question in one of its forms
	kin                 // words related to one of the question's
	fields              // how many there are
)

// fieldWeights are what a field's BM25 counts: that of the turn, of the turn
// with those around it, and of the session.
type fieldWeights struct{ turn, window, session float64 }

func (w *Weights) field(f field) fieldWeights {
	return [fields]fieldWeights{
		said: {1, w.Window, w.Session},
		kin:  {w.Kin, w.Kin * w.Window, w.Kin * w.Session},
	}[f]
}
