package sheet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"avportal/http/texts"
)

var formulas = []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\x00=1", "  =1", "＝1+1", "=cmd|' /C calc'!A0", "\n@x"}

func TestNoTextIsAFormula(t *testing.T) {
	for _, f := range formulas {
		if !strings.HasPrefix(safe(f), "'") {
			t.Errorf("%q stays a formula", f)
		}
	}
	for _, s := range []string{"", "PC-1", "a=b", "Büro", "1-2", "'quoted", " x"} {
		if safe(s) != s {
			t.Errorf("%q became %q", s, safe(s))
		}
	}
}

func FuzzNoTextIsAFormula(f *testing.F) {
	for _, s := range formulas {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := safe(s); strings.ContainsAny(got[:min(1, len(got))], "=+-@\t\r\x00") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

var moment = time.Date(2026, 11, 25, 21, 5, 9, 0, time.FixedZone("CET", 3600))

func TestCSVInBothLanguages(t *testing.T) {
	for l, want := range map[texts.Language]string{
		texts.English: "\ufeffName,Seats,End,Empty\r\n\"a, \"\"b\"\"\",5,2026-11-25 20:05:09,\r\n'=x,-5,,\r\n",
		texts.German:  "\ufeffName;Seats;End;Empty\r\n\"a, \"\"b\"\"\";5;25.11.2026 20:05:09;\r\n'=x;-5;;\r\n",
	} {
		var b bytes.Buffer
		w, err := NewCSV(&b, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range [][]any{{"Name", "Seats", "End", "Empty"}, {`a, "b"`, 5, moment, ""}, {"=x", -5, time.Time{}, ""}} {
			if err := w.Row(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v; want %q", l, b.String(), err, want)
		}
	}
}

func TestExcel(t *testing.T) {
	var b bytes.Buffer
	w, err := NewExcel(&b, "Licenses")
	if err != nil {
		t.Fatal(err)
	}
	w.(*excelWriter).max = 100 // so that a second sheet is needed
	if err := w.Row([]any{"Name", "Seats", "End"}); err != nil {
		t.Fatal(err)
	}
	for i := range 150 {
		if err := w.Row([]any{formulas[i%len(formulas)], i, moment}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, name := range f.GetSheetList() {
		all, err := f.GetRows(name)
		if err != nil || fmt.Sprint(all[0]) != "[Name Seats End]" {
			t.Fatalf("sheet %q begins with %v, %v", name, all[0], err)
		}
		rows += len(all) - 1
		for i := range all {
			at := fmt.Sprintf("A%d", i+1)
			formula, err := f.GetCellFormula(name, at)
			kind, kindErr := f.GetCellType(name, at)
			if err != nil || kindErr != nil || formula != "" || kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString {
				t.Errorf("%s %s: formula %q, type %v, %v %v", name, at, formula, kind, err, kindErr)
			}
		}
	}
	if rows != 150 || len(f.GetSheetList()) != 2 {
		t.Errorf("%d rows in %v, want 150 in two sheets", rows, f.GetSheetList())
	}
	if got, err := f.GetCellValue("Licenses", "C2"); got != "2026-11-25 20:05:09" || err != nil {
		t.Errorf("the time is shown as %q, %v", got, err)
	}
}
