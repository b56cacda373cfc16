package measure

import "fmt"

// Target is a figure to reach: a ratio, or a count. A goal of zero means that there is none.
type Target struct {
	Floor, Goal float64
	AtMost      bool // less is better
}

// Standing is how a figure stands to its target.
type Standing string

// The standings, best first.
const (
	Goal    Standing = "goal"   // the goal is met
	Floor   Standing = "floor"  // the floor is met
	Missed  Standing = "MISSED" // neither
	NoAim   Standing = ""       // printed for comparison only
	Differs Standing = "WRONG"  // the result differs from a fold of the log: it scores zero
)

// slack is how far single rounds may stay behind a target that the median meets, and few how many may be further behind:
// one in five.
const slack = 0.15

// Judge tells what the figures of all rounds reach. A target is met if their median meets it and four of five rounds meet
// it to within 15 %.
func (t Target) Judge(figures []float64) Standing {
	switch {
	case t.Floor == 0 && t.Goal == 0:
		return NoAim
	case t.Goal != 0 && t.met(t.Goal, figures):
		return Goal
	case t.met(t.Floor, figures):
		return Floor
	}
	return Missed
}

func (t Target) met(target float64, figures []float64) bool {
	if len(figures) == 0 || !t.reaches(Median(figures), target) {
		return false
	}
	near := 0
	allowed := target * (1 - slack)
	if t.AtMost {
		allowed = target * (1 + slack)
	}
	for _, f := range figures {
		if t.reaches(f, allowed) {
			near++
		}
	}
	return near*5 >= len(figures)*4
}

func (t Target) reaches(figure, target float64) bool {
	if t.AtMost {
		return figure <= target
	}
	return figure >= target
}

// Describe writes one of the two targets, "-" if there is none.
func (t Target) Describe(target float64, unit string) string {
	if target == 0 {
		return "-"
	}
	sign := ">="
	if t.AtMost {
		sign = "<="
	}
	return fmt.Sprintf("%s %.4g%s", sign, target, unit)
}
