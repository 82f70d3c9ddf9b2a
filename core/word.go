package core

// MaxRelatedWords bounds how many related words a word has.
const MaxRelatedWords = 16

// RelatedWord is a word near in meaning to another.
type RelatedWord struct {
	Word     string
	Nearness float64 // above 0, and at most 1 for the same meaning
}
