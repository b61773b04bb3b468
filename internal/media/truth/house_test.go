package truth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/font"
	"liveclip/internal/media"
	"liveclip/internal/media/copycut"
	"liveclip/internal/media/finish"
	"liveclip/internal/media/truth"
	"liveclip/internal/recording"
	mediav1 "liveclip/proto/media/v1"
	recordingv1 "liveclip/proto/recording/v1"
)

// recorded is what the recorder makes of a source.
type recorded struct {
	truth.Made
	chunks []recording.Chunk
	begins time.Duration // media time of its first picture
	ends   time.Duration // media time after its last part
}

// record records a source as one run, beginning at a media time.
func record(t testing.TB, made truth.Made, at time.Duration, run int) recorded {
	t.Helper()
	r := recorded{Made: made}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	order := &mediav1.RecordOrder{Url: made.Path, StartAt: int64(at), Run: int64(run), PartLength: 500e6, AllowedSchemes: []string{"file"}}
	next := func() (*mediav1.ToChild, error) { <-ctx.Done(); return nil, io.EOF }
	var whole bytes.Buffer
	_, err := media.Record(ctx, order, next, func(m *mediav1.FromChild) error {
		switch m := m.Message.(type) {
		case *mediav1.FromChild_Parameters:
			whole.Write(m.Parameters.Init)
			r.chunks = append(r.chunks, recording.Chunk{Init: &recording.Init{Run: run, Data: bytes.Clone(m.Parameters.Init)}})
		case *mediav1.FromChild_Part:
			whole.Write(m.Part.Data)
			r.ends = time.Duration(m.Part.End)
			r.chunks = append(r.chunks, recording.Chunk{Part: &recording.Part{Run: run, Keyframe: m.Part.Keyframe, Data: bytes.Clone(m.Part.Data),
				Window: domain.Window{Start: time.Duration(m.Part.Start), End: time.Duration(m.Part.End)}}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "recorded.mp4")
	if err := os.WriteFile(path, whole.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	_, r.begins = truth.Times(t, path)
	return r
}

// house is a recording that is being written, and its reader.
type house struct {
	t      testing.TB
	writer *recording.Writer
	reader *recording.Reader
	ref    domain.Ref
	left   []recording.Chunk // not yet written
}

type owner string

func (o owner) FindAddress(context.Context, domain.Ref) (string, bool, error) {
	return string(o), true, nil
}

func newHouse(t testing.TB, runs ...recorded) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, ref: domain.Ref{Tenant: domain.DefaultTenant, Stream: "room"}}
	for _, r := range runs {
		h.left = append(h.left, r.chunks...)
	}
	h.writer, err = recording.Create(recording.WriterConfig{Folder: t.TempDir(), Ref: h.ref, Broadcast: "show", Epoch: 1, StartedAt: time.Unix(1780000000, 0), KeepHot: time.Hour}, store, log)
	if err != nil {
		t.Fatal(err)
	}
	hot := recording.NewHot()
	t.Cleanup(hot.Add(h.writer))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	recordingv1.RegisterRecordingServer(server, hot)
	go func() { _ = server.Serve(listener) }()
	h.reader = recording.NewReader(store, owner(listener.Addr().String()), log)
	t.Cleanup(func() {
		h.reader.Close()
		server.Stop()
	})
	return h
}

// writeTo writes the parts that begin before a media time.
func (h *house) writeTo(at time.Duration) {
	for len(h.left) > 0 && (h.left[0].Init != nil || h.left[0].Part.Window.Start < at) {
		c := h.left[0]
		h.left = h.left[1:]
		var err error
		if c.Init != nil {
			err = h.writer.Init(*c.Init)
		} else {
			err = h.writer.Part(*c.Part)
		}
		if err != nil {
			h.t.Error(err)
		}
	}
}

// way makes a clip of a window: finished or copied.
type way func(ctx context.Context, folder string, part *mediav1.FinishPart, feed *finish.Feed) (path string, err error)

func copied(ctx context.Context, folder string, part *mediav1.FinishPart, feed *finish.Feed) (string, error) {
	cut, err := copycut.Cut(ctx, &mediav1.CopyOrder{Folder: folder, Part: part}, feed, nil)
	return cut.Path, err
}

func finished(ctx context.Context, folder string, part *mediav1.FinishPart, feed *finish.Feed) (string, error) {
	face, err := font.Find()
	if err != nil {
		return "", err
	}
	clip, err := finish.Clip(ctx, &mediav1.FinishOrder{Folder: folder, Parts: []*mediav1.FinishPart{part}, Preset: "ultrafast", FontFile: face,
		Profiles: []*mediav1.FinishProfile{{Name: "small", Width: 320, Height: 320}}}, feed, nil)
	if err != nil {
		return "", err
	}
	return clip.Files[0].Path, nil
}

// ofFile makes a clip of a window of a file.
func (w way) ofFile(t testing.TB, path string, window domain.Window) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return w(ctx, t.TempDir(), &mediav1.FinishPart{File: path, Start: int64(window.Start), End: int64(window.End)}, finish.NewFeed())
}

// ofRoom makes a clip of a window of a room, most of which is recorded only while the clip is made.
func (w way) ofRoom(t testing.TB, h *house, window domain.Window) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	h.writeTo(window.Start + window.Length()/3)
	feed := finish.NewFeed()
	read := make(chan error, 1)
	first := make(chan struct{}, 1)
	go func() {
		end, err := h.reader.Read(ctx, h.ref, "show", window, func(c recording.Chunk) error {
			select {
			case first <- struct{}{}:
			default:
			}
			if c.Init != nil {
				return feed.Add(0, c.Init.Data)
			}
			return feed.Add(0, c.Part.Data)
		})
		if err != nil {
			feed.Close(err)
		} else {
			feed.End(0, end.Clipped)
		}
		read <- err
	}()
	go func() {
		select {
		case <-first: // the clip is being made: now the rest of its window happens
		case <-ctx.Done():
		}
		h.writeTo(window.End + time.Millisecond)
		read <- nil
	}()
	path, err := w(ctx, t.TempDir(), &mediav1.FinishPart{Start: int64(window.Start), End: int64(window.End)}, feed)
	return path, errors.Join(err, <-read, <-read)
}
