package t2v

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"liveclip/internal/embedded/embeddedtest"
	"liveclip/services/t2v/schedule"
)

func TestWhatShotsTakeIsKeptAndRubbishIsNotHeeded(t *testing.T) {
	m := costStore{embeddedtest.Redis(t)}
	form := schedule.Form{Width: 832, Height: 480, Steps: 4, Length: 4 * time.Second}
	want := []schedule.Learned{{Engine: "h200", Model: "wan", Form: form, Cached: true, Mean: 3.5, Deviation: 0.25, At: start}}
	if err := m.save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if err := m.rdb.HSet(t.Context(), costsKey, "rubbish", "<html>", "long", string(make([]byte, 1<<20)), "list", "[]").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := m.load(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v, %v, want %+v", got, err, want)
	}
	for i := range maxRows {
		want[0].Form.Width = i
		if err := m.save(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.load(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%d rows of a flood were read, %v", len(got), err)
	}
	if n := m.rdb.HLen(t.Context(), costsKey).Val(); n != 0 {
		t.Errorf("%d rows of a flood stay", n)
	}
	if err := m.rdb.Set(t.Context(), costsKey, "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.load(t.Context()); err == nil {
		t.Error("what is no table was read as one")
	}
}

func TestADeskRemembersWhatAnotherLearned(t *testing.T) {
	m := costStore{embeddedtest.Redis(t)}
	cfg, _ := standIn(t, "own", "")
	learner, _, _ := newService(t, cfg, prober{})
	_, j := planned(t, learner, dreamt, footage)
	if err := learner.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	learner.dispatcher.saveCosts(t.Context(), m)
	kept, err := m.load(t.Context())
	if err != nil || len(kept) != 1 || kept[0].Engine != cfg.Name || kept[0].Mean <= 0 {
		t.Fatalf("kept %+v, %v", kept, err)
	}
	other, _, _ := newService(t, cfg, prober{})
	other.dispatcher.loadCosts(t.Context(), m)
	other.dispatcher.mu.Lock()
	defer other.dispatcher.mu.Unlock()
	other.dispatcher.scheduler.Offer(schedule.Work{ID: "x", Form: kept[0].Form, Deadline: time.Now().Add(time.Hour)})
	other.dispatcher.scheduler.Report(cfg.Name, schedule.Health{Ready: true})
	starts, _ := other.dispatcher.scheduler.Next()
	if len(starts) != 1 || starts[0].Expected != time.Duration(kept[0].Mean*float64(time.Second)) {
		t.Errorf("began %+v, want %v s expected", starts, kept[0].Mean)
	}
}

func FuzzALearnedRow(f *testing.F) {
	body, _ := json.Marshal(schedule.Learned{Engine: "own", Mean: 1})
	f.Add(body)
	f.Add([]byte(`{"form":{"Width":1e99}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		row, ok := parseLearned(body)
		if ok && len(body) > maxRow {
			t.Error("too long a row was read")
		}
		s := schedule.New(schedule.Shipped(), func() time.Time { return start })
		s.Add(schedule.Engine{Name: row.Engine, Model: row.Model, Slots: 1})
		s.Recall([]schedule.Learned{row})
		s.Report(row.Engine, schedule.Health{Ready: true})
		s.Offer(schedule.Work{ID: "x", Form: schedule.Form{Width: 64, Height: 64, Steps: 1, Length: time.Second}, Deadline: start.Add(time.Hour)})
		for _, began := range first(s.Next()) {
			if began.Expected <= 0 {
				t.Errorf("row %s: %v expected", fmt.Sprint(row), began.Expected)
			}
		}
	})
}

func first[A, B any](a A, _ B) A { return a }
