package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAClipIsWaitedForUntilItIsPlayableOrNeverWillBe(t *testing.T) {
	const playable = `{"clip_id":"c1","state":"published","playable":true,"renditions":[{"url":"http://vod/360p.mp4","width":640,"height":360},{"url":"http://vod/720p.mp4","width":1280,"height":720}]}`
	for name, c := range map[string]struct {
		locale  string
		answers []string // of GET, in turn; the last stands
		code    int
		out     string
		said    string
	}{
		"soon": {"C", []string{"404", `{"state":"planned"}`, "503", playable}, 0, "http://vod/720p.mp4\n", ""},
		"after a person": {
			"C", []string{`{"clip_id":"c1","state":"needs_person","verdict":{"reason":"absolute term \"最\" in the title","chinese":"x"}}`, playable}, 0, "http://vod/720p.mp4\n",
			"clip c1 waits for a person: absolute term \"最\" in the title\n",
		},
		"a failure": {
			"C", []string{`{"clip_id":"c1","state":"failed","steps":[{"step":"failed","note":"no cut: boom","chinese":"剪辑失败：boom"}]}`}, 1, "",
			"liveclip: clip c1 could not be made: no cut: boom\n",
		},
		"a failure, in Chinese": {
			"zh_CN.UTF-8", []string{`{"clip_id":"c1","state":"failed","steps":[{"step":"failed","note":"no cut: boom","chinese":"剪辑失败：boom"}]}`}, 1, "",
			"liveclip: 切片 c1 制作失败：剪辑失败：boom\n",
		},
		"rejected by a person": {
			"zh_CN.UTF-8", []string{`{"clip_id":"c1","state":"rejected","verdict":{"reason":"价格错了"}}`}, 1, "", "liveclip: 切片 c1 已驳回：价格错了\n",
		},
		"not for this token": {"zh_CN.UTF-8", []string{"403"}, 1, "", "liveclip: GET /v1/clips/c1: 角色不够 (403)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", c.locale)
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := `{"clip_id":"c1"}`
				if r.Method == http.MethodGet {
					answer = c.answers[min(int(asked.Add(1)), len(c.answers))-1]
				}
				if status, err := strconv.Atoi(answer); err == nil {
					w.WriteHeader(status)
					answer = `{"status":` + answer + `,"detail":"the role does not do","chinese":"角色不够"}`
				}
				_, _ = w.Write([]byte(answer))
			}))
			defer server.Close()
			var out, said bytes.Buffer
			code := run(context.Background(), strings.Fields("clip room1 --wait --token t --server "+server.URL), stdio{&out, &said})
			if code != c.code || out.String() != c.out || said.String() != c.said {
				t.Errorf("exit %d, out %q, said %q; want %d, %q, %q", code, out.String(), said.String(), c.code, c.out, c.said)
			}
		})
	}
}
