package ops

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

func TestMediaServersAttachAndDetachByTheirCallbacks(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		path, kind, publish, unpublish, source, answer string
	}{
		"srs": {
			"/v1/hooks/srs?access_token=" + hookToken, "application/json",
			`{"action":"on_publish","client_id":"9308h583","ip":"192.168.1.10","vhost":"__defaultVhost__","app":"live","stream":"room1","param":"?k=v","tcUrl":"rtmp://x/live","server_id":"vid-1"}`,
			`{"action":"on_unpublish","client_id":"9308h583","ip":"192.168.1.10","vhost":"__defaultVhost__","app":"live","stream":"room1","param":"?k=v"}`,
			"rtmp://srs.example/live/room1", `{"code":0,"data":null}`,
		},
		"nginx-rtmp": {
			"/v1/hooks/nginx-rtmp?access_token=" + hookToken, form,
			"app=live&flashver=FMLE&swfurl=&tcurl=rtmp%3A%2F%2Fx%2Flive&pageurl=&addr=1.2.3.4&clientid=1&call=publish&name=room1&type=live",
			"app=live&addr=1.2.3.4&clientid=1&call=publish_done&name=room1",
			"rtmp://nginx.example/live/room1", "ok\n",
		},
		"mediamtx form": {
			"/v1/hooks/mediamtx?access_token=" + hookToken, form, "event=ready&path=live/room1", "event=not_ready&path=live/room1",
			"rtmp://mtx.example/live/room1", "ok\n",
		},
		"mediamtx json": {
			"/v1/hooks/mediamtx?access_token=" + hookToken, "application/json", `{"event":"ready","path":"room1"}`, `{"event":"not_ready","path":"room1"}`,
			"rtmp://mtx.example/room1", "ok\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.Hooks = Hooks{"rtmp://srs.example/{app}/{stream}", "rtmp://nginx.example/{app}/{stream}", "rtmp://mtx.example/{path}", 20 * time.Second}
			})
			for range 2 {
				got := r.call("", "POST", c.path, c.publish, "Content-Type", c.kind)
				if got.status != http.StatusOK || got.body != c.answer {
					t.Fatalf("publish: %d %s", got.status, got.body)
				}
			}
			if got := r.operator("GET", "/v1/streams/room1", "").json(); got["source"] != c.source || got["state"] != "waiting" {
				t.Errorf("attached as %v", got)
			}
			for range 2 {
				got := r.call("", "POST", c.path, c.unpublish, "Content-Type", c.kind)
				if got.status != http.StatusOK || got.body != c.answer {
					t.Fatalf("unpublish: %d %s", got.status, got.body)
				}
			}
			if got := r.state(); got != "waiting" {
				t.Errorf("right after unpublish the stream is %v", got)
			}
			r.wait(20 * time.Second)
			r.eventually("the stream is off", func() bool { return r.state() == "off" })
		})
	}
}

func (r *rig) state() any { return r.operator("GET", "/v1/streams/room1", "").json()["state"] }

func TestAPublisherWhoComesBackWithinTheGraceIsNotCutOff(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AllowPrivate = true })
	states := r.listen(event.StreamState)
	publish := func(app string) {
		if got := r.call(hookToken, "POST", "/v1/hooks/nginx-rtmp", "call=publish&name=room1&app="+app); got.status != http.StatusOK {
			t.Fatalf("publish: %d %s", got.status, got.body)
		}
	}
	leave := func(app string) {
		if got := r.call(hookToken, "POST", "/v1/hooks/nginx-rtmp", "call=publish_done&name=room1&app="+app); got.status != http.StatusOK {
			t.Fatalf("unpublish: %d %s", got.status, got.body)
		}
	}
	publish("live")
	leave("live")
	r.wait(3 * time.Second)
	publish("live")
	r.wait(time.Minute)
	if err := r.s.detachDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	leave("live")
	publish("other") // elsewhere: no need to wait for the grace
	leave("live")    // late: not its to end
	r.wait(time.Minute)
	if err := r.s.detachDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	leave("other")
	r.wait(20 * time.Second)
	type change struct {
		attached bool
		source   string
	}
	want := []change{{true, "rtmp://127.0.0.1/live/room1"}, {false, "rtmp://127.0.0.1/live/room1"}, {true, "rtmp://127.0.0.1/other/room1"}, {false, "rtmp://127.0.0.1/other/room1"}}
	var got []change
	for range want {
		state := r.next(states).Payload.(domain.StreamState)
		got = append(got, change{state.Attached, state.Source})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAnUnpublishDoesNotEndWhatAnotherAttached(t *testing.T) {
	r := newRig(t)
	r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/a"}`)
	got := r.call(hookToken, "POST", "/v1/hooks/nginx-rtmp", "call=publish_done&app=live&name=room1")
	if state := r.operator("GET", "/v1/streams/room1", "").json()["state"]; state != "waiting" {
		t.Errorf("callback %d, the stream is %v", got.status, state)
	}
}

func TestNamesInCallbacksCantLeaveTheirPlace(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{
		`{"action":"on_publish","app":"../admin","stream":"room1"}`, `{"action":"on_publish","app":"live?x=","stream":"room1"}`,
		`{"action":"on_publish","app":"..","stream":"room1"}`, `{"action":"on_publish","app":"live","stream":"a/b"}`,
		`{"action":"on_publish","app":"live","stream":""}`, `[]`, `{"action":7}`, ``,
	} {
		if got := r.call(hookToken, "POST", "/v1/hooks/srs", body); got.status != http.StatusBadRequest || got.detail() == "" {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func FuzzCallbackNamesAreHarmlessOrRefused(f *testing.F) {
	f.Add("srs", `{"action":"on_publish","app":"live","stream":"room1"}`)
	f.Add("nginx-rtmp", "call=publish&app=live&name=room1")
	f.Add("mediamtx", "event=ready&path=a/b/../c")
	f.Fuzz(func(t *testing.T, server, body string) {
		read, template := callbackReader(server, Defaults().Hooks)
		if read == nil {
			return
		}
		said, err := read(httptest.NewRequest(http.MethodPost, "/v1/hooks/x", strings.NewReader(body)))
		if err != nil || said.ignored {
			return
		}
		said.values["server"] = "media.example"
		u, err := url.Parse(fillTemplate(template, said.values))
		if err != nil || u.Host != "media.example" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "/../") {
			t.Errorf("%s %q makes the source %v: %v", server, body, u, err)
		}
	})
}
