package detect

import (
	"cmp"
	"slices"
)

const longestNumber = 8 // tokens that "{n}" takes at most

// match is a phrase found in tokens first to last.
type match struct {
	group       int
	first, last int
	entry       int // of the matcher
}

// entry is a phrase of a group; with not, one that denies the group's others.
type entry struct {
	phrase phrase
	group  int
	not    bool
}

// matcher finds the phrases of all groups in one pass: a tree of tokens, walked from every token of the text. A step is one
// look into a table, so that a hundred thousand phrases cost what one does. Safe for concurrent use.
type matcher struct {
	language language
	ids      map[string]int32 // of a token's key, from 1; 0 is the number mark
	steps    map[step]int32   // the node that a token leads to; the root is 0
	ends     map[int32][]int32
	entries  []entry
}

type step struct{ node, token int32 }

// language says which tokens a matcher takes for the same.
type language interface {
	key(token string) string
	number(token string) bool // may stand for "{n}"
}

// literally takes tokens for what they are.
type literally struct{}

func (literally) key(token string) string  { return token }
func (literally) number(token string) bool { return isNumber(token) }

func newMatcher(of language, entries []entry) *matcher {
	m := &matcher{
		language: of, entries: entries,
		ids: map[string]int32{}, steps: make(map[step]int32, 2*len(entries)), ends: make(map[int32][]int32, len(entries)),
	}
	nodes := int32(0)
	for i, e := range entries {
		node := int32(0)
		for _, part := range e.phrase {
			s := step{node, m.learn(part)}
			next, known := m.steps[s]
			if !known {
				nodes++
				next = nodes
				m.steps[s] = next
			}
			node = next
		}
		m.ends[node] = append(m.ends[node], int32(i))
	}
	return m
}

func (m *matcher) learn(part string) int32 {
	if part == numberMark {
		return 0
	}
	key := m.language.key(part)
	id, known := m.ids[key]
	if !known {
		id = int32(len(m.ids)) + 1
		m.ids[key] = id
	}
	return id
}

// find gives the matches in order of their first token, the longer one first. A match that shares a token with a negative
// phrase of its group is none.
func (m *matcher) find(tokens []token) []match {
	w := walk{matcher: m, tokens: tokens, ids: make([]int32, len(tokens))}
	for i, t := range tokens {
		w.ids[i] = -1
		if id, known := m.ids[m.language.key(t.text)]; known {
			w.ids[i] = id
		}
	}
	for i := range tokens {
		w.from = i
		w.on(0, i)
	}
	kept := w.found[:0]
	for _, f := range w.found {
		if !denied(f, w.not) {
			kept = append(kept, f)
		}
	}
	slices.SortStableFunc(kept, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last), cmp.Compare(a.group, b.group))
	})
	return kept
}

// walk is one search.
type walk struct {
	*matcher
	tokens     []token
	ids        []int32
	from       int
	found, not []match
}

// on goes on from a node with token i.
func (w *walk) on(node int32, i int) {
	for _, e := range w.ends[node] {
		entry := w.entries[e]
		hit := match{group: entry.group, first: w.from, last: i - 1, entry: int(e)}
		if entry.not {
			w.not = append(w.not, hit)
		} else {
			w.found = append(w.found, hit)
		}
	}
	if i == len(w.tokens) {
		return
	}
	if next, ok := w.steps[step{node, w.ids[i]}]; ok {
		w.on(next, i+1)
	}
	if next, ok := w.steps[step{node, 0}]; ok {
		for n := numberRun(w.tokens[i:], w.language.number); n > 0; n-- {
			if w.language.number(w.tokens[i+n-1].text) {
				w.on(next, i+n)
			}
		}
	}
}

// numberRun counts the first tokens that may belong to one number.
func numberRun(tokens []token, number func(string) bool) (n int) {
	for n < min(longestNumber, len(tokens)) {
		if t := tokens[n].text; !number(t) && (n == 0 || !joinsNumbers(t)) {
			break
		}
		n++
	}
	return n
}

func denied(f match, not []match) bool {
	return slices.ContainsFunc(not, func(n match) bool {
		return n.group == f.group && n.first <= f.last && f.first <= n.last
	})
}
