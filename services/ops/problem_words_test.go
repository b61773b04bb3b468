package ops

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryProblemThatIsSaidInChineseIsOneThatThereIs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		} else if file != "problem_words.go" && !strings.HasSuffix(file, "_test.go") {
			source.WriteString(strings.ReplaceAll(string(text), `\"`, `"`))
		}
	}
	verb := regexp.MustCompile(`%[.0-9]*[a-z]`)
	for _, s := range problemWords {
		for _, piece := range verb.Split(s.English, -1) {
			if !strings.Contains(source.String(), piece) {
				t.Errorf("no problem says %q of %q", piece, s.English)
			}
		}
		for i := range verb.FindAllString(s.English, -1) {
			if n := string(rune('1' + i)); !strings.Contains(s.Chinese, "%["+n+"]s") && !strings.HasPrefix(s.English, "stream %s: of its") {
				t.Errorf("%q loses its value %s", s.English, n)
			}
		}
	}
}

func TestProblemsAreThereInBothLanguages(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ token, method, path, body, english, chinese string }{
		{"nobody's-token-012345", "GET", "/v1/streams", "", "the token is not known", "令牌无效"},
		{operatorToken, "GET", "/v1/clips/c1", "", "clip c1 is not known", "找不到切片 c1"},
		{viewerToken, "DELETE", "/v1/streams/room1", "", "vera may not do this: it needs the role operator, and has viewer", "vera 无权执行此操作：需要 operator 角色，现为 viewer"},
		{operatorToken, "PUT", "/v1/streams/room1", `{"source":"gopher://x/y"}`, `source: scheme "gopher" is not allowed; it must be rtmp://, rtmps://, http://, https://, srt:// or file://`, `来源协议 "gopher" 不允许，须为 rtmp://, rtmps://, http://, https://, srt:// or file://`},
		{operatorToken, "GET", "/v1/clips?limit=9999", "", "limit: must be 1 to 500, is 9999", ""},
	} {
		got := r.call(c.token, c.method, c.path, c.body).json()
		if chinese, _ := got["chinese"].(string); got["detail"] != c.english || chinese != c.chinese {
			t.Errorf("%s %s: %v", c.method, c.path, got)
		}
	}
}
