package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the contract. A device keeps to them by calling Clean before it sends; the portal calls Clean on what it
// receives, because a device may be anybody.
const (
	MaxBodyBytes = 1 << 20
	MaxThreats   = 250 // with paths of MaxPath, all of them backslashes, a report still fits MaxBodyBytes
	MaxPaths     = 64
	MaxText      = 255  // bytes of any text but those below
	MaxPath      = 1024 // bytes of a path; the beginning of a longer one is cut off, as its end tells more
	MaxDetail    = 1024
	MaxLogBytes  = 512 << 10 // compressed; as base64 it leaves a result enough of MaxBodyBytes
)

// Clean makes the report fit the limits: control characters go, long texts and lists are cut, unknown guards are
// dropped. It returns how many fields it had to change.
func (r *Report) Clean() int {
	if len(r.Threats) > MaxThreats {
		r.ThreatsComplete = false
	}
	list, n := threats(r.Threats)
	r.Threats = list
	return n + text(&r.ID, MaxText) + r.Facts.Clean() + guards(r.Guards) + r.LastScan.clean()
}

// Clean makes the facts fit the limits and returns how many fields it had to change.
func (f *Facts) Clean() int {
	n := 0
	for _, s := range []*string{
		&f.Hostname, &f.OS, &f.OSVersion, &f.Arch, &f.IP, &f.Domain, &f.ClientVersion,
		&f.Engine, &f.EngineVersion, &f.SignatureVersion,
	} {
		n += text(s, MaxText)
	}
	return n
}

// Clean makes the request fit the limits and returns how many fields it had to change.
func (e *EnrollRequest) Clean() int {
	n := e.Facts.Clean()
	for _, s := range []*string{&e.TID, &e.DeviceGUID, &e.SecretHash, &e.Group} {
		n += text(s, MaxText)
	}
	return n
}

// Clean makes the result fit the limits and returns how many fields it had to change.
func (r *CommandResult) Clean() int {
	n := text(&r.Code, MaxText) + text(&r.Detail, MaxDetail) + text(&r.SignatureVersion, MaxText)
	if len(r.Log) > MaxLogBytes {
		r.Log = nil
		n++
	}
	list, cut := threats(r.Threats)
	r.Threats = list
	return n + cut + r.Scan.clean()
}

func (s *Scan) clean() int {
	if s == nil {
		return 0
	}
	n := text(&s.CommandID, MaxText) + text(&s.Profile, MaxText) + text(&s.Outcome, MaxText) + text(&s.Detail, MaxDetail)
	if len(s.Paths) > MaxPaths {
		n += len(s.Paths) - MaxPaths
		s.Paths = s.Paths[:MaxPaths]
	}
	for i := range s.Paths {
		n += path(&s.Paths[i])
	}
	return n
}

func threats(list []Threat) ([]Threat, int) {
	n := 0
	if len(list) > MaxThreats {
		n = len(list) - MaxThreats
		list = list[:MaxThreats]
	}
	for i := range list {
		t := &list[i]
		n += text(&t.ID, MaxText) + text(&t.Name, MaxText) + path(&t.Path) + text(&t.Action, MaxText)
	}
	return list, n
}

func guards(g Guards) int {
	known := KnownGuards()
	n := 0
next:
	for name := range g {
		for _, k := range known {
			if name == k {
				continue next
			}
		}
		delete(g, name)
		n++
	}
	return n
}

func text(s *string, limit int) int {
	clean := printable(*s)
	if len(clean) > limit {
		end := limit
		for end > 0 && !utf8.RuneStart(clean[end]) {
			end--
		}
		clean = clean[:end]
	}
	return replace(s, clean)
}

func path(s *string) int {
	const mark = "…"
	clean := printable(*s)
	if len(clean) > MaxPath {
		start := len(clean) - MaxPath + len(mark)
		for start < len(clean) && !utf8.RuneStart(clean[start]) {
			start++
		}
		clean = mark + clean[start:]
	}
	return replace(s, clean)
}

func replace(s *string, clean string) int {
	if *s == clean {
		return 0
	}
	*s = clean
	return 1
}

// printable drops control and format characters (the latter turn text around on a screen) and repairs broken UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
