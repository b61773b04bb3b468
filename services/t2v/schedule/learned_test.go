package schedule

import (
	"math"
	"reflect"
	"testing"
	"time"
)

func TestWhatOrdersTakeIsKnownAfterARestart(t *testing.T) {
	b := newBench(exactly(), 1)
	for range 3 {
		b.Offer(b.order("a", 4*time.Second, time.Hour))
		b.Next()
		b.at = b.at.Add(time.Second)
		b.Done("a", Made, false, 0)
	}
	kept := b.Learned()
	want := []Learned{{Engine: "e0", Form: Form{Width: 16, Height: 16, Steps: 1, Length: 4 * time.Second}, Mean: 1, Deviation: kept[0].Deviation, At: b.at}}
	if !reflect.DeepEqual(kept, want) {
		t.Fatalf("learned %+v, want %+v", kept, want)
	}
	if again := b.Learned(); again != nil {
		t.Errorf("told again: %+v", again)
	}
	after := newBench(exactly(), 1)
	after.at = b.at
	after.Recall(kept)
	after.Offer(after.order("b", 4*time.Second, time.Hour))
	if starts, _ := after.Next(); len(starts) != 1 || starts[0].Expected != time.Second {
		t.Errorf("after the restart %+v, want a second expected", starts)
	}
}

func TestARowIsRecalledOnlyWhereItIsTrueAndNewer(t *testing.T) {
	form := Form{Width: 16, Height: 16, Steps: 1, Length: 4 * time.Second}
	row := func(change func(*Learned)) Learned {
		l := Learned{Engine: "e0", Form: form, Mean: 9, Deviation: 1, At: begin.Add(-time.Hour)}
		change(&l)
		return l
	}
	for what, l := range map[string]Learned{
		"no number":       row(func(l *Learned) { l.Mean = math.NaN() }),
		"endless":         row(func(l *Learned) { l.Mean = math.Inf(1) }),
		"nothing":         row(func(l *Learned) { l.Mean = 0 }),
		"below nothing":   row(func(l *Learned) { l.Deviation = -1 }),
		"no form":         row(func(l *Learned) { l.Form = Form{} }),
		"of the future":   row(func(l *Learned) { l.At = begin.Add(time.Hour) }),
		"another's":       row(func(l *Learned) { l.Engine = "e9" }),
		"another model's": row(func(l *Learned) { l.Model = "other" }),
		"older":           row(func(l *Learned) { l.At = begin.Add(-3 * time.Hour) }),
	} {
		b := newBench(exactly(), 1)
		b.costs.learn(costKey{"e0", form, false}, time.Second, begin.Add(-2*time.Hour))
		b.Recall([]Learned{l})
		if got, _ := b.costs.both(costKey{"e0", form, false}); got != time.Second {
			t.Errorf("a row that is %s was taken: %v", what, got)
		}
	}
	b := newBench(exactly(), 1)
	b.costs.learn(costKey{"e0", form, false}, time.Second, begin.Add(-2*time.Hour))
	b.Recall([]Learned{row(func(*Learned) {})})
	if got, _ := b.costs.both(costKey{"e0", form, false}); got != 9*time.Second {
		t.Errorf("another process measured 9 s since: %v", got)
	}
}
