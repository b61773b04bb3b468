package t2v

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	"liveclip/internal/font"
	"liveclip/internal/record"
	"liveclip/services/t2v/engines"
)

func TestTemplateShotsAreDrawnByTheMediaChild(t *testing.T) {
	s, bus, _ := newService(t, engines.Config{}, childMedia{childtest.Starter(t)})
	var err error
	if s.shotMaker.drawer.cfg.Font, err = font.Find(); err != nil {
		t.Fatal(err)
	}
	price := domain.Shot{Kind: domain.ShotTemplate, Template: "price_drop", Length: time.Second, Fields: map[string]string{
		"product": "不锈钢保温杯 500ml", "was": "¥129", "price": "¥59", "aspect": "portrait", "picture": "http://127.0.0.1:9/p.png",
	}}
	clock := domain.Shot{Kind: domain.ShotTemplate, Template: "countdown", Length: 2 * time.Second, Fields: map[string]string{
		"product": "Steel mug, 500 ml", "price": "$19.99", "countdown": "3m",
	}}
	wrong := domain.Shot{Kind: domain.ShotTemplate, Template: "fireworks", Length: time.Second}
	_, j := planned(t, s, price, clock, wrong, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	first, second := record.Shot("default", "c1", 1, 0), record.Shot("default", "c1", 1, 1)
	cuts := bus.cuts()
	if len(cuts) != 1 {
		t.Fatalf("cuts %+v", cuts)
	}
	for i := range cuts[0].Parts[:2] {
		if l := cuts[0].Parts[i].Loudness; l < -17 || l > -15 {
			t.Errorf("part %d is as loud as %.1f LUFS", i, l)
		}
		cuts[0].Parts[i].Loudness = 0
	}
	want := []domain.CutPart{{File: first}, {File: second}, {Window: footage.Window}}
	if !reflect.DeepEqual(cuts[0].Parts, want) {
		t.Errorf("parts %+v, want %+v", cuts[0].Parts, want)
	}
	if notes := cuts[0].Notes; len(notes) != 2 || notes[0] != "the product's picture was left out: the address is private" ||
		!strings.HasPrefix(notes[1], `template fireworks was left out: there is no template "fireworks"`) {
		t.Errorf("notes %q", notes)
	}
	records := cuts[0].Shots
	if len(records) != 3 || records[0].Became != domain.ShotTemplate || records[0].Made.Width != 360 || records[0].Made.Height != 640 || records[0].Bytes == 0 ||
		records[0].Made.Engine != "template" || len(records[0].Made.Stages) < 2 || records[2].Became != domain.ShotFootage || records[2].Fault == "" {
		t.Errorf("records %+v", records)
	}
	var beside storedShot
	if _, err := blob.ReadJSON(t.Context(), s.store, record.ShotMade("default", "c1", 1, 0), &beside); err != nil || !reflect.DeepEqual(beside.Record, records[0]) {
		t.Errorf("beside the shot lies %+v (%v), want %+v", beside, err, records[0])
	}
	for key, want := range map[string]struct {
		frame
		length time.Duration
	}{first: {frame{360, 640}, time.Second}, second: {frame{640, 360}, 2 * time.Second}} {
		file := fetched(t, s, key)
		probed, err := s.shotMaker.media.Probe(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		p, length := probed.GetParameters(), time.Duration(probed.GetDuration())
		if p.GetVideoCodec() != "h264" || p.GetAudioCodec() != "aac" || p.GetWidth() != int64(want.width) || p.GetHeight() != int64(want.height) ||
			(length-want.length).Abs() > 50*time.Millisecond {
			t.Errorf("%s is %v", key, probed)
		}
	}
	if bases, _ := filepath.Glob(filepath.Join(s.cfg.Cache, "*.mp4")); len(bases) != 2 {
		t.Errorf("the cache holds %v, want two bases", bases)
	}
}

func fetched(t *testing.T, s *Service, key string) string {
	t.Helper()
	r, _, err := s.store.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	folder := t.TempDir()
	if keep := os.Getenv("LIVECLIP_TEST_KEEP"); keep != "" { // for a person to look at
		folder = keep
	}
	file := filepath.Join(folder, filepath.Base(key))
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}
