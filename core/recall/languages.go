package recall

import (
	"strings"
)

// language is an index into languages. English is the first, and what text is
// taken for that shows no sign of another.
type language uint8

const english language = 0

// languages are those whose texts are told apart, with their stop words: words
// too frequent to tell one text from another. The lists are short: they need
// to hold what occurs in nearly every sentence, not more.
var languages = []struct {
	code      string
	omitMarks bool // its writers often leave accents out
	stop      string
}{
	{code: "en", stop: `a about above after again all also am an and any are aren as at be because been before being below
		between both but by can couldn could d did didn do does doesn doing don done down during each few for from further
		had hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it
		its itself just let ll may me might mine more most must my myself no nor not now of off oh on once only or
		other our ours out over own re really same shall she should shouldn so some such than that the their theirs them
		themselves then there these they this those through to too under until up us ve very was wasn we were weren what
		when where which while who whom whose why will with won would wouldn you your yours yourself`},
	{code: "es", omitMarks: true, stop: `a al algo ante antes aquí así aunque cada como con contra cual cuando cuándo cuál
		cómo de del desde donde dónde dos e el él ella ellas ellos en entre era eran eres es esa ese eso esta está estaba
		están estar este esto estoy fue ha hay había han has hasta he la las le les lo los más me mi mis mucho muy nada
		ni no nos nosotros o os otra otro para pero poco por porque puede que qué quien quién se sea ser si sí sin sobre son
		soy su sus también tan te tengo ti tiene todo todos tu tus tú un una uno usted y ya yo`},
	{code: "fr", omitMarks: true, stop: `à ai alors as au aucun aussi autre aux avec avez avoir ça car ce cela ces
		cet cette comme comment dans de des donc du elle elles en encore es est et étais était êtes être eu fait il ils
		je la le les leur leurs lui ma mais me même mes moi mon ne ni nos notre nous on ont ou où par pas peu peut plus
		pour pourquoi qu quand que quel quelle qui quoi sa sans se ses si son sont suis sur ta te tes toi ton tous tout
		très tu un une va vos votre vous y`},
	{code: "ru", stop: `а без бы был была были было быть в вам вас весь во вот все всё вы где да даже для до его ее её если
		есть еще ещё же за здесь и из или им их к как ко когда кто ли мне мной мой моя мы на над надо наш не него нее ней нет
		ни них но ну о об он она они оно от очень по под при с со так также там то того тоже той только том ты у уже хотя
		чего чем что чтобы чья эта эти это этот я`},
	{code: "sv", stop: `alla allt att av blev bli blir de dem den denna deras dess det detta dig din där då efter ej eller en
		er ett från för ha hade han hans har henne hennes hon honom hur här i icke inte jag ju kan kunde man med mellan
		men mig min mitt mot mycket ni nu när någon något och om oss på samma sedan sig sin sina ska skulle som så till under
		upp ut vad var vara varför vem vi vid vilken är åt över`},
	{code: "no", stop: `alle at av ble blei bli blir da de deg den denne deres det dette di din disse du eller en enn er et
		etter for fordi fra får før ha hadde han hans har henne her hun hva hvem hvilken hvis hvor hvordan hvorfor i ikke
		inn jeg kan kunne kva man med meg mellom men mer min mitt mot mye må ned no noe noen nå når og også om opp oss over på
		sin sitt skal skulle slik som så til um under ut var ved vi vil vår være vært`},
	{code: "hu", stop: `a abban ahhoz ahogy aki akik akkor alatt amely amelyek ami amikor az azok azon azt azért be benne csak
		de e egy egyes egyik el ez ezek ezen ezt ezért fel hanem hogy hogyan hol igen így illetve is itt jól ki kell kívül
		le legyen lehet lesz lett maga majd meg mely melyek mert mi mikor milyen mint mit most már még mégis nagy nagyon ne
		nekem nem nincs ő ők őket össze pedig saját sem semmi sok számára talán te tehát után utolsó vagy vagyok van
		vannak vele volt voltam való én és`},
	{code: "de", stop: `aber als am an auch auf aus bei bin bis bist da dann das dass dein dem den denn der des dich die dies
		diese dieser dir doch du durch ein eine einem einen einer eines er es euch für gegen habe haben hast hat hatte
		ich ihm ihn ihr ihre im in ist ja jetzt kann kein keine können man mein meine mich mir mit nach nein nicht noch nun
		nur ob oder ohne schon sehr sein seine sich sie sind so über um und uns unser unter vom von vor war waren warum was
		weil wenn wer werden wie wieder will wir wird wo wurde zu zum zur`},
	{code: "it", omitMarks: true, stop: `a ad ai al alla alle anche ancora avere che chi ci come con cosa cui da dal
		dalla de dei del della delle di dove e è ed era erano essere fa fatto gli ha hai hanno ho i il in io l la le lei li lo
		loro lui ma me mi mia mie mio molto ne nei nel nella noi non nostro o per perché più poi poco quale quando quanto
		quella quello questa questo qui se sei si sia siamo solo sono sta stato su sua sue suo sul sulla ti tra tu tua tuo
		tutti tutto un una uno vi voi`},
	{code: "pt", omitMarks: true, stop: `a ainda ao aos as às até com como da das de dela dele deles depois do dos e é ela
		elas ele eles em entre era essa esse esta está estava este eu foi há isso isto já lhe mais mas me mesmo meu meus
		minha minhas muito na não nas nem no nos nós o onde os ou para pela pelo por porque qual quando que quem se
		sem ser será seu seus só sua suas também te tem tenho ter teu tua um uma você vocês vos`},
	{code: "nl", stop: `aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een en er
		ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun ik in is ja je kan kon kunnen maar me meer men met
		mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van
		veel voor waarom wanneer want waren was wat werd wezen wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder
		zou`},
}

// stopWords holds, for each stop word, the languages it is one of, a bit each.
var stopWords = stopWordTable()

func stopWordTable() map[string]uint16 {
	table := map[string]uint16{}
	for i := range languages {
		for w := range strings.FieldsSeq(languages[i].stop) {
			table[w] |= 1 << i
		}
	}
	return table
}

func (l language) isStop(word string) bool { return stopWords[word]>>l&1 == 1 }

// minVotes is how many stop words must speak for a language other than
// English. A single one proves nothing: "car" is a stop word of French.
const minVotes = 2

// detect guesses the language of a text from its stop words: the language that
// most of them belong to; of equals, the one that comes first in languages.
func detect(list []string) language {
	var votes [16]int
	for _, w := range list {
		for i, set := 0, stopWords[w]; set != 0; i, set = i+1, set>>1 {
			votes[i] += int(set & 1)
		}
	}
	best := english
	for i := range languages {
		if votes[i] > votes[best] && votes[i] >= minVotes {
			best = language(i)
		}
	}
	if best == english && votes[english] == 0 && hasCyrillic(list) {
		return russian
	}
	return best
}

const russian language = 3

func hasCyrillic(list []string) bool {
	for _, w := range list {
		for _, r := range w {
			if 0x400 <= r && r <= 0x4ff {
				return true
			}
		}
	}
	return false
}
