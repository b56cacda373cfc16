package measure

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMedianAndQuantiles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
	}
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[99-i] = int64(i + 1)
	}
	for q, want := range map[float64]int64{0: 1, 0.01: 1, 0.5: 50, 0.9: 90, 0.99: 99, 0.991: 100, 1: 100} {
		if got := Quantile(hundred, q); got != want {
			t.Errorf("quantile %v of 1 to 100 is %d, want %d", q, got, want)
		}
	}
	if Quantile([]float64(nil), 0.5) != 0 || Quantile([]float64{3}, 0.99) != 3 {
		t.Error("the quantiles of none and of one are wrong")
	}
}

func TestAQuantileIsWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 60).Draw(t, "values")
		q := float64(rapid.IntRange(1, 100).Draw(t, "percent")) / 100
		v := Quantile(values, q)
		below, under := 0, 0
		for _, x := range values {
			if x <= v {
				below++
			}
			if x < v {
				under++
			}
		}
		n := q * float64(len(values))
		if !slices.Contains(values, v) || float64(below) < n-1e-9 || float64(under) >= n {
			t.Fatalf("%d of %d values are at most %d, %d are less; asked for %v", below, len(values), v, under, q)
		}
	})
}

func TestJudge(t *testing.T) {
	least := Target{Floor: 8, Goal: 12}
	most := Target{Floor: 2, Goal: 1.4, AtMost: true}
	for _, c := range []struct {
		what    string
		target  Target
		figures []float64
		want    Standing
	}{
		{"all above", least, []float64{13, 12, 15, 12.5, 12}, Goal},
		{"median at the goal, one round far off", least, []float64{13, 12, 15, 3, 12}, Goal},
		{"median at the goal, two rounds far off", least, []float64{13, 12, 15, 9, 9}, Floor},
		{"median at the goal, two rounds just behind", least, []float64{13, 12, 15, 11, 10.5}, Goal},
		{"median at the floor", least, []float64{8, 8, 8, 7, 20}, Floor},
		{"median below", least, []float64{7.9, 7.9, 7.9, 20, 20}, Missed},
		{"median above but two rounds far below", least, []float64{8, 8, 8, 2, 2}, Missed},
		{"nothing measured", least, nil, Missed},
		{"at most: goal", most, []float64{1.4, 1.3, 1.3, 9, 1.4}, Goal},
		{"at most: floor", most, []float64{1.9, 1.9, 2.2, 1.9, 1.9}, Floor},
		{"at most: missed", most, []float64{2.1, 2.1, 2.1, 1, 1}, Missed},
		{"no target", Target{}, []float64{1}, NoAim},
		{"a floor alone", Target{Floor: 1}, []float64{2}, Floor},
	} {
		if got := c.target.Judge(c.figures); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	if got := (Target{Floor: 0.85}).Describe(0.85, "x"); got != ">= 0.85x" {
		t.Error(got)
	}
	if got := (Target{AtMost: true}).Describe(400, " B"); got != "<= 400 B" {
		t.Error(got)
	}
	if got := (Target{}).Describe(0, "x"); got != "-" {
		t.Error(got)
	}
}

// Within a round every way has its turns, each first as often as the others, and in every run alike.
func TestWaysTakeTurns(t *testing.T) {
	const slices = 300
	names := []string{"a", "b", "c"}
	run := func() (order string, rounds []Round) {
		var ways []Way
		for _, name := range names {
			ways = append(ways, Way{name, func(context.Context) (Sample, error) {
				order += name
				return Sample{Ops: 10, Took: time.Second, Latencies: []time.Duration{1}}, nil
			}})
		}
		rounds, err := Plan{Rounds: 2, Slices: slices}.Run(t.Context(), ways...)
		if err != nil || len(rounds) != 2 {
			t.Fatal(rounds, err)
		}
		return order, rounds
	}
	order, rounds := run()
	if again, _ := run(); again != order {
		t.Error("the turns of another run are others")
	}
	first := map[string]int{}
	for turn := range slices * 2 {
		turns := order[turn*3 : turn*3+3]
		first[turns[:1]]++
		for _, name := range names {
			if strings.Count(turns, name) != 1 {
				t.Fatalf("turn %d was %s", turn, turns)
			}
		}
	}
	for _, name := range names {
		if n := first[name]; n < 150 || n > 250 {
			t.Errorf("%s was the first of %d turns out of %d", name, n, slices*2)
		}
		for _, r := range rounds {
			if s := r.Of[name]; s.Ops != 10*slices || s.Took != slices*time.Second || len(s.Latencies) != slices || s.Rate() != 10 {
				t.Errorf("%s gave %+v", name, s)
			}
		}
	}
}

func TestAWayThatFailsEndsIt(t *testing.T) {
	broken := errors.New("broken")
	_, err := Plan{Rounds: 5}.Run(t.Context(), Way{"w", func(context.Context) (Sample, error) { return Sample{}, broken }})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "w: ") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Plan{Rounds: 5}.Run(ctx, Way{"w", func(context.Context) (Sample, error) { cancel(); return Sample{}, nil }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestADiskThatMovesSpoilsARound(t *testing.T) {
	for _, c := range []struct {
		fast, slow time.Duration
		want       bool
	}{{100, 300, false}, {100, 301, true}, {0, 0, false}} {
		if got := (Round{Fastest: c.fast, Slowest: c.slow}).Unsteady(); got != c.want {
			t.Errorf("from %d to %d: unsteady = %v", c.fast, c.slow, got)
		}
	}
}

func TestDiskProbes(t *testing.T) {
	dir := t.TempDir()
	if onDisk(dir) != nil { // /tmp lives in memory here and there; the source does not
		var err error
		if dir, err = os.MkdirTemp(".", "probe"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	d, err := NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	rounds, err := Plan{Rounds: 1, Disk: d}.Run(t.Context(), Way{"w", func(context.Context) (Sample, error) { return Sample{}, nil }})
	if err != nil || rounds[0].Fastest <= 0 || rounds[0].Slowest < rounds[0].Fastest {
		t.Fatal(rounds, err)
	}
	s, err := d.Flushes(3)
	if err != nil || s.Ops != 3 || len(s.Latencies) != 3 || s.Took < s.Latencies[0] {
		t.Fatal(s, err)
	}
}

// An open loop sends everything, and tells each call when it was due rather than when it began.
func TestOpenLoop(t *testing.T) {
	var calls, late atomic.Int64
	var first atomic.Pointer[time.Time]
	err := Open(t.Context(), 1000, 200*time.Millisecond, 1, func(_ context.Context, i int, due time.Time) error {
		if i == 0 {
			first.Store(&due)
			time.Sleep(50 * time.Millisecond) // the only caller: those behind it wait
		}
		if want := first.Load().Add(time.Duration(i) * time.Millisecond); !due.Equal(want) {
			t.Errorf("call %d was due at %v, want %v", i, due, want)
		}
		if time.Since(due) > 20*time.Millisecond {
			late.Add(1)
		}
		calls.Add(1)
		return nil
	})
	if err != nil || calls.Load() != 200 {
		t.Fatalf("%d calls, %v", calls.Load(), err)
	}
	if late.Load() < 20 {
		t.Errorf("only %d calls saw the stall of the one before them", late.Load())
	}
}

func TestLoopsEndWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	err := Open(t.Context(), 1000, time.Minute, 4, func(_ context.Context, i int, _ time.Time) error {
		if i == 3 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	_, err = Closed(t.Context(), time.Minute, 4, func(_ context.Context, caller, i int) error {
		if caller == 2 && i == 5 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestClosedLoopCountsAllCallers(t *testing.T) {
	var calls atomic.Int64
	s, err := Closed(t.Context(), 20*time.Millisecond, 3, func(context.Context, int, int) error {
		calls.Add(1)
		time.Sleep(time.Millisecond)
		return nil
	})
	if err != nil || int64(s.Ops) != calls.Load() || len(s.Latencies) != s.Ops || s.Took < 20*time.Millisecond {
		t.Errorf("%d ops of %d, %v, %v", s.Ops, calls.Load(), s.Took, err)
	}
}
