package sqlview

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// statement is one statement of a file. Its parameters, written :name, have become $1, $2 and so on: values never become
// part of the text.
type statement struct {
	file   string
	line   int    // of its first word
	name   string // of a query: from the comment "-- name: ..." before it
	doc    string // of a query: the comments between its name and its text
	text   string
	params []param
	oids   []uint32 // of the parameters; nil where Postgres finds out
	words  []word
}

type param struct {
	name string
	line int
}

// word is a name or keyword in lower case, with what stands right after it.
type word struct {
	text  string
	line  int
	calls bool // an opening parenthesis follows
}

func (s statement) where() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// first reports whether the statement begins with these words.
func (s statement) first(words ...string) bool {
	if len(s.words) < len(words) {
		return false
	}
	for i, w := range words {
		if s.words[i].text != w {
			return false
		}
	}
	return true
}

// lexer reads SQL as Postgres does, as far as it takes to know what is text, comment, name and parameter.
type lexer struct {
	file string
	in   string
	at   int
	line int

	out    strings.Builder
	now    statement
	name   string
	doc    []string
	result []statement
}

var (
	wordPattern  = regexp.MustCompile(`^[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*`)
	paramPattern = regexp.MustCompile(`^:[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*`)
	quotePattern = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z0-9_]*)?\$`)
	namePattern  = regexp.MustCompile(`^--\s*name:\s*(\S+)\s*$`)
)

// lex splits a file into its statements.
func lex(file, in string) ([]statement, error) {
	if !utf8.ValidString(in) || strings.ContainsRune(in, 0) {
		return nil, Mistake{File: file, Line: 1, Message: "is not text in UTF-8"}
	}
	l := &lexer{file: file, in: in, line: 1}
	for l.at < len(l.in) {
		if err := l.step(); err != nil {
			return nil, err
		}
	}
	l.end()
	return l.result, nil
}

func (l *lexer) step() error {
	rest := l.in[l.at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		l.comment(rest)
	case strings.HasPrefix(rest, "/*"):
		return l.block()
	case c == '\'':
		return l.quoted(l.at, '\'', false)
	case c == '"':
		from := l.at
		if err := l.quoted(l.at, '"', false); err != nil {
			return err
		}
		l.addWord(strings.ReplaceAll(l.in[from+1:l.at-1], `""`, `"`))
	case c == '$' && quotePattern.MatchString(rest):
		tag := quotePattern.FindString(rest)
		end := strings.Index(rest[len(tag):], tag)
		if end < 0 {
			return l.mistake("a text that begins with %s never ends", tag)
		}
		l.take(end + 2*len(tag))
	case c == '$':
		return l.mistake("parameters are written :name, not $1")
	case strings.HasPrefix(rest, "::"):
		l.take(2)
	case c == ':' && paramPattern.MatchString(rest):
		l.param(paramPattern.FindString(rest))
	case c == ';':
		l.at++
		l.end()
	case wordPattern.MatchString(rest):
		return l.word(wordPattern.FindString(rest))
	case c >= '0' && c <= '9': // so that the letters of 1e5 are no word
		n := 1
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.' || rest[n] == 'e' || rest[n] == 'E' || rest[n] == '_') {
			n++
		}
		l.take(n)
	default:
		l.take(1)
	}
	return nil
}

func (l *lexer) word(w string) error {
	next := l.in[l.at+len(w):]
	lower := strings.ToLower(w)
	switch {
	case lower == "u" && (strings.HasPrefix(next, "&'") || strings.HasPrefix(next, `&"`)):
		return l.mistake("U&: write the letters themselves")
	case (lower == "e" || lower == "b" || lower == "x" || lower == "n") && strings.HasPrefix(next, "'"):
		l.take(len(w))
		return l.quoted(l.at, '\'', lower == "e")
	}
	l.take(len(w))
	l.addWord(lower)
	return nil
}

func (l *lexer) addWord(text string) {
	l.now.words = append(l.now.words, word{text: text, line: l.line, calls: strings.HasPrefix(strings.TrimLeft(l.in[l.at:], " \t\r\n"), "(")})
}

// take copies n bytes.
func (l *lexer) take(n int) {
	text := l.in[l.at : l.at+n]
	if l.out.Len() == 0 {
		if text = strings.TrimLeft(text, " \t\r\n"); text != "" {
			l.now.line = l.line + strings.Count(l.in[l.at:l.at+n-len(text)], "\n")
		}
	}
	l.out.WriteString(text)
	l.line += strings.Count(l.in[l.at:l.at+n], "\n")
	l.at += n
}

// comment drops a comment up to the end of its line, unless it names a query.
func (l *lexer) comment(rest string) {
	text, _, _ := strings.Cut(rest, "\n")
	text = strings.TrimRight(text, "\r")
	if m := namePattern.FindStringSubmatch(text); m != nil && l.out.Len() == 0 {
		l.name, l.doc = m[1], nil
	} else if l.out.Len() == 0 {
		l.doc = append(l.doc, strings.TrimSpace(strings.TrimPrefix(text, "--")))
	}
	l.at += len(text)
}

// block drops a comment between /* and */, which may hold others. Its lines stay, so that errors name the right one.
func (l *lexer) block() error {
	depth := 0
	for i := l.at; i < len(l.in); i++ {
		switch {
		case strings.HasPrefix(l.in[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(l.in[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				lines := strings.Count(l.in[l.at:i+1], "\n")
				if l.out.Len() > 0 {
					l.out.WriteString(" " + strings.Repeat("\n", lines))
				}
				l.line += lines
				l.at = i + 1
				return nil
			}
		}
	}
	return l.mistake("a comment never ends")
}

func (l *lexer) quoted(from int, quote byte, backslashes bool) error {
	for i := from + 1; i < len(l.in); i++ {
		switch {
		case backslashes && l.in[i] == '\\':
			i++
		case l.in[i] == quote && i+1 < len(l.in) && l.in[i+1] == quote:
			i++
		case l.in[i] == quote:
			l.take(i + 1 - from)
			return nil
		}
	}
	return l.mistake("a text that begins with %c never ends", quote)
}

func (l *lexer) param(text string) {
	name := text[1:]
	n := 0
	for n < len(l.now.params) && l.now.params[n].name != name {
		n++
	}
	if n == len(l.now.params) {
		l.now.params = append(l.now.params, param{name, l.line})
	}
	if l.out.Len() == 0 {
		l.now.line = l.line
	}
	fmt.Fprintf(&l.out, "$%d", n+1)
	l.at += len(text)
}

func (l *lexer) end() {
	s := l.now
	s.file, s.name, s.doc, s.text = l.file, l.name, strings.Join(l.doc, " "), strings.TrimRight(l.out.String(), " \t\r\n")
	if s.text != "" {
		l.result = append(l.result, s)
		l.name, l.doc = "", nil
	}
	l.now = statement{}
	l.out.Reset()
}

func (l *lexer) mistake(format string, args ...any) error {
	return Mistake{File: l.file, Line: l.line, Message: fmt.Sprintf(format, args...)}
}
