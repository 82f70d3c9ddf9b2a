package recall

import "strings"

// irregular are English words that a stemmer cannot bring together, the form
// to use first.
const irregular = `
become became|begin began begun|bite bit bitten|blow blew blown|break broke broken|bring brought|build built|buy bought
catch caught|choose chose chosen|come came|deal dealt|dig dug|draw drew drawn|dream dreamt|drink drank drunk
drive drove driven|eat ate eaten|fall fell fallen|feed fed|feel felt|fight fought|find found|fly flew flown
forget forgot forgotten|forgive forgave forgiven|freeze froze frozen|get got gotten|give gave given|go went gone
grow grew grown|hang hung|hear heard|hide hid hidden|hold held|keep kept|know knew known|lead led|leave left|lend lent
lose lost|make made|mean meant|meet met|pay paid|ride rode ridden|ring rang rung|rise rose risen|run ran|say said
see saw seen|sell sold|send sent|shake shook shaken|shine shone|shoot shot|show shown|sing sang sung|sink sank sunk
sit sat|sleep slept|speak spoke spoken|spend spent|stand stood|steal stole stolen|stick stuck|strike struck|swear swore sworn
swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told|think thought|throw threw thrown
understand understood|wake woke woken|wear wore worn|win won|write wrote written
child children|man men|woman women|foot feet|tooth teeth|mouse mice|person people|wife wives|life lives|knife knives
good better best|bad worse worst`

var baseForms = baseFormTable()

func baseFormTable() map[string]string {
	table := map[string]string{}
	for group := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(irregular), "\n", "|"), "|") {
		forms := strings.Fields(group)
		for _, form := range forms[1:] {
			table[form] = forms[0]
		}
	}
	return table
}
