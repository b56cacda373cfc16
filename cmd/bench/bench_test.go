package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/domain"
	"avportal/eventstore"
)

// TestMain makes the test binary a node where a measurement starts one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

func rounds(candidate, limit []int) []measure.Round {
	var all []measure.Round
	for i := range candidate {
		all = append(all, measure.Round{Of: map[string]measure.Sample{
			"candidate": {Ops: candidate[i], Took: time.Second, Latencies: []time.Duration{time.Duration(candidate[i])}},
			"limit":     {Ops: limit[i], Took: time.Second, Latencies: []time.Duration{time.Duration(limit[i])}},
		}})
	}
	return all
}

// The ratio is that of each round, not that of the medians: a round in which all was slow says as much as any other.
func TestRatiosAreTakenInsideARound(t *testing.T) {
	all := rounds([]int{10, 100, 1000}, []int{5, 100, 4000})
	r := compared(t7, "a", "b", all, over(rate("candidate"), rate("limit"))).absolute(all, rate("candidate"), rate("limit"), perSecond)
	if r.Median != 1 || r.Min != 0.25 || r.Max != 2 || r.Candidate != "100/s" || r.Baseline != "100/s" {
		t.Errorf("got %+v", r)
	}
	if r.Standing != measure.Missed { // the median reaches it, but one of three rounds is far behind
		t.Errorf("standing %q", r.Standing)
	}
	if got := over(rate("candidate"), rate("nothing"))(all[0]); got != 0 {
		t.Errorf("a ratio to nothing is %v", got)
	}
}

func TestReportAsTextAndJSON(t *testing.T) {
	all := rounds([]int{9, 9, 9, 9, 9}, []int{10, 10, 10, 10, 10})
	all[0].Fastest, all[0].Slowest = 1, 10
	r := report{Date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Mode: "quick", Rounds: 5, Machine: "a machine", Disk: "p50 1 us", Took: "1s", Rows: []row{
		compared(t7, "commands", "appends", all, over(rate("candidate"), rate("limit"))).noted("a note"),
		compared(t8, "commands", "naive", all, over(rate("candidate"), rate("limit"))),
		compared(noTarget, "other", "thing", all, over(rate("candidate"), rate("limit"))),
	}}
	var b strings.Builder
	if err := r.text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2026-01-02", "a machine", "| T7 ", "**0.90**x (0.90-0.90)", ">= 0.85x", "floor", "MISSED", "a note", "T7 1 of 5"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
	if missed, wrong := r.missed(); missed != 1 || wrong {
		t.Errorf("%d missed, wrong %v", missed, wrong)
	}
	if r.verdict(false) != nil || r.verdict(true) == nil {
		t.Error("a missed floor is an error only when asked for")
	}
	r.Rows[2].Standing = measure.Differs
	if r.verdict(false) == nil {
		t.Error("a wrong result is always an error")
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := r.json(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(text, &back); err != nil || len(back.Rows) != 3 || len(back.Rows[0].Figures) != 5 {
		t.Errorf("%v: %s", err, text)
	}
}

func TestChoosingCells(t *testing.T) {
	all, err := options{}.chosen()
	if err != nil || len(all) != len(cells) {
		t.Error(len(all), err)
	}
	some, err := options{only: []string{"t11"}}.chosen()
	if err != nil || len(some) != 1 || some[0].name != "lag" {
		t.Error(some, err)
	}
	if _, err := (options{only: []string{"T99"}}).chosen(); err == nil {
		t.Error("T99 was found")
	}
	if s := (options{quick: true, rounds: 9}).sizes(); s.mode != "quick" || s.rounds != 9 {
		t.Errorf("%+v", s)
	}
}

func TestLagIsFromWhenItWasDue(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	pos := func(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }
	views := []seen{{pos(5), at(10)}, {pos(9), at(30)}}
	due, acked, err := lags([]sent{{at(0), at(4), pos(5)}, {at(0), at(4), pos(6)}, {at(2), at(40), pos(9)}}, views)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{10, 30, 28} {
		if due[i] != time.Duration(want)*time.Millisecond {
			t.Errorf("command %d: %v since it was due, want %d ms", i, due[i], want)
		}
	}
	for i, want := range []int{6, 26, 0} { // the last was visible before its caller knew
		if acked[i] != time.Duration(want)*time.Millisecond {
			t.Errorf("command %d: %v since it was acknowledged, want %d ms", i, acked[i], want)
		}
	}
	if _, _, err := lags([]sent{{at(0), at(4), pos(10)}}, views); err == nil {
		t.Error("a command that was never seen has a lag")
	}
}

// A generated log reads the same each time, from any position.
func TestGeneratedLog(t *testing.T) {
	g := newGenerated(1, workload.Shape{Tenants: 1, Devices: 50})
	read := func(from eventstore.Position) (list []eventstore.Recorded) {
		for r, err := range g.ReadAll(t.Context(), from, eventstore.Forward, 0) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, r)
		}
		return list
	}
	all := read(eventstore.Position{})
	half := read(all[len(all)/2].Position)
	if len(all) < 150 || len(half) != len(all)-len(all)/2-1 || half[0].ID != all[len(all)/2+1].ID {
		t.Errorf("%d events, %d after the middle", len(all), len(half))
	}
	if rest := read(all[len(all)-1].Position); len(rest) != 0 {
		t.Errorf("%d events after the end", len(rest))
	}
	revisions := map[domain.Stream]eventstore.Revision{}
	for _, r := range all {
		if want, known := revisions[r.Stream]; known && r.Revision != want || !known && r.Revision != 0 {
			t.Fatalf("%s: revision %d, want %d", r.Stream, r.Revision, want)
		}
		revisions[r.Stream] = r.Revision + 1
	}
}

// Every cell runs for real, once and small, and finds its results equal to a fold of the log.
func TestEveryCellRuns(t *testing.T) {
	if testing.Short() {
		t.Log("not checked: that the benchmark's cells run")
		return
	}
	o := options{rounds: 1, dir: onADisk(t), json: filepath.Join(t.TempDir(), "bench.json")}
	tiny := sizes{mode: "tiny", rounds: 1, slice: 80 * time.Millisecond, devices: 128, catchUp: 300, window: 600, missed: 600,
		lagFor: 200 * time.Millisecond, fleets: [3]int{100, 200, 400}, aggregates: 500, naiveSeconds: 0.1, readEvents: 500, logEvents: 2000}
	r, err := o.measure(context.Background(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, row := range r.Rows {
		have[row.ID] = true
		if row.Standing == measure.Differs {
			t.Errorf("%s: %s", row.ID, row.Note)
		}
	}
	for _, c := range cells {
		for _, id := range c.targets {
			if !have[id] {
				t.Errorf("no row %s", id)
			}
		}
	}
}

// onADisk is the temporary folder, or the source's where that one lives in memory.
func onADisk(t *testing.T) string {
	for _, base := range []string{t.TempDir(), "."} {
		dir, disk, err := workDir(base)
		if err == nil {
			if err := disk.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			return base
		}
	}
	t.Fatal("there is no disk to measure")
	return ""
}
