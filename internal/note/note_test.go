package note

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"liveclip/internal/domain"
)

var verb = regexp.MustCompile(`%[0-9.]*([a-z%])`)

// sample fills a sentence with values of its verbs, and gives them as they stand in it.
func sample(s Sentence) (values, written []any) {
	for i, v := range verb.FindAllStringSubmatch(s.English, -1) {
		var value any
		switch v[1] {
		case "%":
			continue
		case "d":
			value = 7 + i
		case "f":
			value = 1.5 + float64(i)
		case "w":
			value = errors.New("boom")
		default:
			value = fmt.Sprint("a", i)
		}
		values, written = append(values, value), append(written, fmt.Sprintf(v[0], value))
		if v[1] == "w" {
			written[len(written)-1] = "boom"
		}
	}
	return values, written
}

func TestEverySentenceIsFoundAgainInChineseWithItsValues(t *testing.T) {
	for _, s := range sentences {
		values, written := sample(s)
		said, want := s.Say(values...), s.Chinese
		if strings.Contains(s.English, "%w") {
			said = s.Errorf(values...).Error()
		}
		if len(written) > 0 {
			want = fmt.Sprintf(s.Chinese, written...)
		}
		if got := Chinese(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
		for i := range written {
			if !strings.Contains(want, fmt.Sprint(written[i])) {
				t.Errorf("%q loses value %d: %q", said, i, want)
			}
		}
	}
}

func TestNoSentenceIsForgotten(t *testing.T) {
	var named []string
	listed := map[string]bool{}
	inspect := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if spec.Names[0].Name == "sentences" {
			for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
				if name, ok := element.(*ast.Ident); ok {
					listed[name.Name] = true
				}
			}
		} else if len(spec.Values) == 1 && isSentence(spec.Values[0]) {
			named = append(named, spec.Names[0].Name)
		}
		return false
	}
	for _, name := range []string{"sentences.go", "fault.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	if missing := slices.DeleteFunc(named, func(name string) bool { return listed[name] }); len(missing) > 0 || len(listed) < 110 {
		t.Errorf("not among the sentences: %v (%d are)", missing, len(listed))
	}
}

func isSentence(e ast.Expr) bool {
	literal, ok := e.(*ast.CompositeLit)
	if !ok {
		return false
	}
	name, ok := literal.Type.(*ast.Ident)
	return ok && name.Name == "Sentence"
}

func TestNotesAreSaidInChinese(t *testing.T) {
	for english, want := range map[string]string{
		"":                     "",
		"otto did not like it": "",
		TermSaid.Say("absolute", "最好", "0:12.3"):                                                                                     `0:12.3 说到绝对化用语 "最好"`,
		TermWritten.Say("house", "宝子们", "title"):                                                                                     `标题中有house "宝子们"`,
		"generated again from another seed: " + "it is blurred: sharpness 0.0010, less than 0.0100":                                  "换种子重新生成：画面模糊：清晰度 0.0010，低于 0.0100",
		Join([]string{domain.ClippedToEnd, Preset.Say("veryfast", "fast", AtOnce.Say(3))}):                                           "到直播结束为止：此后没有录制；编码由 fast 降为 veryfast：同时成片 3 条",
		Join([]string{domain.ClippedToEnd, "something new"}):                                                                         "到直播结束为止：此后没有录制；something new",
		FootageInstead.Say(NotReady.Say("house", EngineAway.Errorf(errors.New("dial tcp 10.0.0.9:9: connect: connection refused")))): "生成镜头失败，改用实拍：生成引擎 house 尚未就绪：连不上引擎：dial tcp 10.0.0.9:9: connect: 连接被拒绝",
		Answered.Say(307) + ": " + NoRedirects.Say():                                                                                 "目的地返回 307：不跟随重定向",
		NotFinished.Say(errors.New("finish clip a: disk full")):                                                                      "成片失败：finish clip a: disk full",
		TermSaid.Say("absolute", "a; b", "0:01.0"):                                                                                   `0:01.0 说到绝对化用语 "a; b"`,
	} {
		if got := Chinese(english); got != want {
			t.Errorf("%q is %q, want %q", english, got, want)
		}
	}
}

func FuzzChinese(f *testing.F) {
	f.Add("could not be finished: no cut: a; b: c")
	f.Add(`absolute term "最好; " was said at 0:01.0; `)
	f.Fuzz(func(t *testing.T, text string) {
		if said := Chinese(text); said == "" && sentenceIn(text) {
			t.Errorf("%q is not said", text)
		}
	})
}

func sentenceIn(text string) bool { _, ok := Book(sentences).sentence(text); return ok }
