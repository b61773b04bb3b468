package test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/address/addresstest"
	"liveclip/internal/demo"
	"liveclip/internal/opsclient"
)

// startUp starts an all-in-one liveclip on fresh data that publishes into a folder.
func startUp(t *testing.T) (up *process, ops *opsclient.Client, published string) {
	t.Helper()
	data := t.TempDir()
	published = filepath.Join(data, "published")
	settings := filepath.Join(data, "liveclip.yaml")
	text := "review: {unheard: note}\npublish:\n  destinations:\n    - {name: folder, kind: folder, path: " + published + ", profile: 720p}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	listen, admin := addresstest.Free(t), addresstest.Free(t)
	up = newProcess(t, "up", admin, "up", "--data", data, "--listen", listen, "--rtmp", addresstest.Free(t), "--admin", admin, "--config", settings)
	up.start()
	token, err := os.ReadFile(filepath.Join(data, "token"))
	if err != nil {
		t.Fatal(err)
	}
	return up, opsclient.New("http://"+listen, strings.TrimSpace(string(token))), published
}

// Two rooms on air at once: an English one, and a Mandarin one where this machine can speak and hear it.
func TestEveryMomentOfARoomBecomesOneClip(t *testing.T) {
	room, movie := makeRoom(t, 7)
	_, ops, published := startUp(t)
	shows := []*demo.Show{{Room: room, Movie: movie, Stream: "room-1", Ops: ops, Out: t.Output()}}
	if knowsMandarin(t) {
		room, movie := synthesise(t, demo.NewMandarinRoom(7), 7)
		shows = append(shows, &demo.Show{Room: room, Movie: movie, Stream: "room-2", Ops: ops, Out: t.Output()})
	}
	perform(t, shows...)
	publishedOnce(t, published, shows...)
}

func TestAKilledServerLosesNoClipAndPublishesNoneTwice(t *testing.T) {
	room, movie := makeRoom(t, 8)
	up, ops, published := startUp(t)
	show := &demo.Show{Room: room, Movie: movie, Stream: "room-1", Ops: ops, Out: t.Output(), Broken: true}
	killing := time.AfterFunc(quiet(room, room.Length/2), func() {
		up.kill()
		up.start()
	})
	defer killing.Stop()
	perform(t, show)
	publishedOnce(t, published, show)
}

// perform plays the shows side by side and fails the test unless every moment has one good clip, and nothing else has.
func perform(t *testing.T, shows ...*demo.Show) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	playing, ctx := errgroup.WithContext(ctx)
	for _, show := range shows {
		push, err := show.Attach(ctx)
		if err != nil {
			t.Fatal(err)
		}
		playing.Go(func() error { return show.Play(ctx, push) })
	}
	if err := playing.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, show := range shows {
		if !show.Report() {
			t.Errorf("%s: not every moment has exactly its clip", show.Stream)
		}
	}
}

// publishedOnce holds the destination's folder against the clips: one file each.
func publishedOnce(t *testing.T, folder string, shows ...*demo.Show) {
	t.Helper()
	want := 0
	for _, show := range shows {
		want += len(show.Clips())
	}
	var movies []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		movies = nil
		_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".mp4") {
				movies = append(movies, path)
			}
			return nil
		})
		if len(movies) >= want {
			break
		}
	}
	if len(movies) != want {
		t.Errorf("%d clips, %d files published: %v", want, len(movies), movies)
	}
}

// quiet gives a time near at while nothing that sells is being said: what is said while nobody records is lost to anyone.
func quiet(room demo.Room, at time.Duration) time.Duration {
	for step := time.Duration(0); step < room.Length; step += 250 * time.Millisecond {
		for _, candidate := range []time.Duration{at + step, at - step} {
			free := candidate > 5*time.Second && candidate < room.Length-10*time.Second
			for _, m := range room.Moments() {
				// The room goes on where it broke off, at the next keyframe; the words before must have been heard to their end.
				if candidate > m.Start-8*time.Second && candidate < m.End+time.Second {
					free = false
				}
			}
			if free {
				return candidate
			}
		}
	}
	return at
}
