package asr

import (
	"os"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
)

func TestARoomOfCaptionsHasTheLinesThatLieBesideItsRecording(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "直播 50%#1.mp4", "the kitchen at home was quiet")
	srt := "1\n00:00:00,500 --> 00:00:01,200\n全場五折!只要九十九块九\n\n2\n00:00:01,000 --> 00:00:00,900\nonly ten left\n\n3\n00:00:02,000 --> 01:00:00,000\nto the end\n\n4\n05:00:00,000 --> 05:00:01,000\nnever\n"
	if err := os.WriteFile(strings.TrimSuffix(path, ".mp4")+".srt", []byte(srt), 0o600); err != nil {
		t.Fatal(err)
	}
	s := g.start(nil)
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: fileurl.Of(path), Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: "captions"}})
	events := g.await("closed", closedOf("file-1"))
	lines := said(events, "file-1")
	if len(lines) != 3 {
		t.Fatalf("lines %+v", lines)
	}
	if l := lines[0]; l.Text != "全场5折！只要¥99.9" || l.Heard != "全場五折!只要九十九块九" || l.Start != 500*time.Millisecond || l.End != 1200*time.Millisecond || l.Engine != "captions" || l.Language != "zh" || !l.Final {
		t.Errorf("line %+v", l)
	}
	if l := lines[2]; l.Text != "To the end" || l.End > time.Minute {
		t.Errorf("line %+v", l)
	}
	holdsPromise(t, events, "file-1")
}

func TestARoomOfCaptionsWithoutAnyIsRecordedAllTheSame(t *testing.T) {
	g := newGround(t)
	path := makeFile(t, "talk.mp4", "the kitchen at home was quiet")
	s := g.start(nil)
	s.order(domain.StreamState{Ref: ref("file-1"), Attached: true, Source: "file://" + path, Owner: "one", Lane: domain.LaneBatch, Context: domain.Context{Engine: "captions"}})
	events := g.await("closed", closedOf("file-1"))
	if lines := said(events, "file-1"); len(lines) != 0 {
		t.Errorf("lines %+v", lines)
	}
	for _, e := range events {
		if p, ok := e.Payload.(domain.StreamProgress); ok && p.By == "asr" && p.Health[domain.SignalSpeech] != domain.HealthMissing {
			t.Errorf("speech is %v", p.Health)
		}
	}
}
