// Package texts is what the portal says to people, in each of its languages: sentences of refusals, and the names of actions,
// states and columns. Sentences stand in English where they are said; here is what they are in the other languages, by the
// English sentence. Names are found by a code.
package texts

import (
	"fmt"
	"maps"

	"golang.org/x/text/language"
)

// Language is one of the languages of the portal.
type Language string

// The languages there are.
const (
	English Language = "en" // the default
	German  Language = "de"
)

// Languages lists them, the default first.
func Languages() []Language { return []Language{English, German} }

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// Match chooses by an Accept-Language header; English if it says nothing that the portal speaks.
func Match(accept string) Language {
	if accept == "" {
		return English
	}
	_, i := language.MatchStrings(matcher, accept)
	return Languages()[i]
}

// Sentence says a sentence, which is a format as of fmt.Sprintf, in the language; in English if there is no translation.
func (l Language) Sentence(english string, args ...any) string {
	format := english
	if l == German {
		if s, ok := germanSentences[english]; ok {
			format = s
		}
	}
	if len(args) == 0 {
		return format // a sentence without parameters may hold a percent sign
	}
	return fmt.Sprintf(format, args...)
}

// Say is Sentence for a constant that stands in the call, where a test finds it and sees to its translation.
func (l Language) Say(english string, args ...any) string { return l.Sentence(english, args...) }

// Knows reports whether a sentence can be said in the language.
func (l Language) Knows(english string) bool {
	_, ok := germanSentences[english]
	return ok || l == English
}

// Name is what people call something of a kind ("action", "state", "column") that has a code; the code itself if it has no
// name.
func (l Language) Name(kind, code string) string {
	if name, ok := l.names()[kind+"."+code]; ok {
		return name
	}
	return code
}

// Names gives all names by kind and code, "<kind>.<code>". It must not be changed.
func (l Language) Names() map[string]string { return l.names() }

func (l Language) names() map[string]string {
	if l == German {
		return allGerman
	}
	return allEnglish
}

// The names of each language, put together.
var (
	allEnglish = together(englishNames, englishColumns)
	allGerman  = together(germanNames, germanColumns)
)

func together(parts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}
