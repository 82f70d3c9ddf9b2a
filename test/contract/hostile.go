package contract

import "strings"

// hostile lists strings that look like an id, or try to be more than one. None
// is the id; most are not valid. An adapter that folds case, trims, matches
// patterns, cuts at NUL or joins keys by hand finds something by one of them.
func hostile(id string) []string {
	body := id[strings.IndexByte(id, '_')+1:]
	prefix := id[:len(id)-len(body)]
	return []string{
		"", " ", ".", "..", "*", "%", "?", "\x00", "null", "0",
		lookAlike(id), // valid, and never given to anything
		strings.ToUpper(id),
		prefix + strings.ToUpper(body),
		strings.ToUpper(prefix) + body,
		id + " ", " " + id, id + "\x00", id + "\n", "\ufeff" + id,
		id[:len(id)-1], id + "0", id[:len(id)-1] + "_", id[:len(id)-1] + "*", id[:len(id)-1] + "%",
		body, prefix, prefix + prefix + body,
		"a:b", id + ":user", "{x}", "{" + id + "}", id + "}", "../x", "../" + id, id + "/..", id + "/" + id,
		id + "' OR '1'='1", id + `" OR ""="`, "x'; DROP TABLE users; --",
		strings.Replace(id, "_", "\uff3f", 1), // a full-width underscore
		strings.Replace(id, "0", "\u0660", 1), // an Arabic-Indic zero
		"\xff\xfe" + id, "\x1b[2J", "\r\nDEL x\r\n",
		strings.Repeat("a", 10<<10), id + strings.Repeat(id, 400),
	}
}

// lookAlike is a valid id that differs from this one in its last character
// only, and was never given to anything.
func lookAlike[ID ~string](id ID) ID {
	end := len(id) - 1
	if id[end] == '0' {
		return id[:end] + "1"
	}
	return id[:end] + "0"
}

// lookAlikeRefs lists references that somebody's collation or key syntax takes
// for one another; to a store each is another one.
func lookAlikeRefs() []string {
	return []string{
		"a", "A", "a ", " a", "a:b", "a:", ":a", "a*", "a?", "a%", "a_", "{a}", "[a]", "a/../b", "../a", "..", "a/b",
		`a\b`, "a'b", `a"b`, "á", "a\u0301", "ａ", "а", "ß", "ss", "SS", "İ", "i", "I", "ı", "0", "00", "1e0", "1", "null",
		"a\u200b", "\U0001f9a4", strings.Repeat("r", 256),
	}
}
