package prompt

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

var sale = domain.Highlight{
	ID: "h1", Kind: "flash_sale", Window: domain.Window{Start: seconds(18), End: seconds(27)}, Score: 0.75,
	Reasons:     []domain.Reason{{Signal: "keyword", Detail: `flash sale: "last 3 minutes"`, At: seconds(21), Weight: 0.75, Left: 3 * time.Minute, Phrases: []domain.Phrase{{Spoken: "last three minutes", Written: "last 3 minutes", Start: seconds(21), End: seconds(22)}}}},
	Text:        "hurry up, last three minutes for the silk scarf",
	TriggeredAt: time.Unix(1_700_000_000, 0).UTC(),
}

var room = domain.Context{
	Host: "Mei", Language: "en",
	Products: []domain.Product{{Name: "Leather bag", Price: "$99"}, {Name: "Silk scarf", Price: "$19"}},
}

func TestAHighlightBecomesAPlanOfItsFootage(t *testing.T) {
	got := shipped(t).plan(Defaults(), room, sale)
	want := domain.Plan{
		Clip: domain.NewClipID("h1", "main"), Highlight: "h1", Kind: "flash_sale", Window: sale.Window, Score: 0.75,
		Reasons: sale.Reasons, Title: "Flash sale: Silk scarf", Text: sale.Text,
		Shots: []domain.Shot{{Kind: domain.ShotFootage, Window: sale.Window}},
		Profiles: []domain.Profile{
			{Name: "720p", Width: 1280, Height: 720, Watermark: true},
			{Name: "360p", Width: 640, Height: 360, Watermark: true},
		},
		Triggered: sale.TriggeredAt,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestARecapIsPlannedAsItsChaptersInOrder(t *testing.T) {
	recap := domain.Highlight{ID: "r1", Kind: "recap", Score: 1, By: "otto", Window: domain.Window{Start: seconds(18), End: seconds(4000)}, Chapters: []domain.Chapter{
		{Window: sale.Window, Title: "one"}, {Window: domain.Window{Start: seconds(3990), End: seconds(4000)}, Title: "two"},
	}}
	if err := check(recap, seconds(20)); err != nil {
		t.Errorf("19 s of chapters over an hour: %v", err)
	}
	if err := check(recap, seconds(15)); err == nil {
		t.Error("chapters longer than may be clipped were let through")
	}
	got := shipped(t).plan(Defaults(), room, recap)
	want := []domain.Shot{{Kind: domain.ShotFootage, Window: sale.Window}, {Kind: domain.ShotFootage, Window: recap.Chapters[1].Window}}
	if !reflect.DeepEqual(got.Shots, want) || !reflect.DeepEqual(got.Chapters, recap.Chapters) || got.Title != "The best of Mei's show" {
		t.Errorf("got %q %+v %+v", got.Title, got.Shots, got.Chapters)
	}
	recap.Chapters[1].Window.Start = -1
	if err := check(recap, seconds(5000)); err == nil {
		t.Error("a chapter before the broadcast was let through")
	}
}

func TestAnOpeningAndAGeneratedShotComeBeforeTheFootage(t *testing.T) {
	cfg := Defaults()
	cfg.Opening, cfg.Generate, cfg.Music = "auto", true, "bright"
	l := shipped(t)
	got := l.plan(cfg, room, sale)
	fields := map[string]string{"product": "Silk scarf", "price": "$19", "countdown": "180", "language": "en"}
	want := []domain.Shot{
		{Kind: domain.ShotTemplate, Template: "countdown", Length: 3 * time.Second, Fields: fields},
		{Kind: domain.ShotGenerated, Length: 4 * time.Second, Template: "countdown", Fields: fields, Prompt: "Mei presents Silk scarf with enthusiasm, " +
			"close up of the host's surprised face, cheerful background music, bright and clear picture",
			Negative: l.negative["en"], Version: got.Shots[1].Version,
			Opening: domain.ShotOpening{Key: got.Shots[1].Opening.Key, Prompt: "a bright and tidy studio table in soft light, slow push in"}},
		{Kind: domain.ShotFootage, Window: sale.Window},
	}
	if !reflect.DeepEqual(got.Shots, want) {
		t.Errorf("got  %+v\nwant %+v", got.Shots, want)
	}
	if key := got.Shots[1].Opening.Key; !strings.HasPrefix(key, "enthusiastic_en@") || len(key) != len("enthusiastic_en@")+8 {
		t.Errorf("opening %q", key)
	}
	if version := got.Shots[1].Version; !strings.HasPrefix(version, "enthusiastic_en@") || len(version) != len("enthusiastic_en@")+8 {
		t.Errorf("version %q", version)
	}
	if got.Joint != domain.JointDissolve || got.Music != "bright" || len(got.Notes) > 0 {
		t.Errorf("joint %q, music %q, notes %q", got.Joint, got.Music, got.Notes)
	}
}

func TestARequestsOwnOpeningComesBeforeWhatIsConfigured(t *testing.T) {
	cfg := Defaults()
	cfg.Opening, cfg.Openings = "auto", map[string]string{"manual": "live_now", "burst": "none"}
	for name, c := range map[string]struct {
		h    domain.Highlight
		want string
		note bool
	}{
		"its own":               {domain.Highlight{Kind: "manual", Opening: "price_drop", Text: "silk scarf"}, "price_drop", false},
		"none":                  {domain.Highlight{Kind: "manual", Opening: "none"}, "", false},
		"of its kind":           {domain.Highlight{Kind: "manual"}, "live_now", false},
		"none of its kind":      {domain.Highlight{Kind: "burst"}, "", false},
		"auto":                  {domain.Highlight{Kind: "scarcity"}, "last_chance", false},
		"auto, of another kind": {domain.Highlight{Kind: "recap"}, "", false},
		"one that is not there": {domain.Highlight{Kind: "manual", Opening: "fireworks"}, "", true},
	} {
		p := shipped(t).plan(cfg, room, c.h)
		got := ""
		if p.Shots[0].Kind == domain.ShotTemplate {
			got = p.Shots[0].Template
		}
		if got != c.want || c.note != (len(p.Notes) == 1) {
			t.Errorf("%s: opened by %q with notes %q, want %q", name, got, p.Notes, c.want)
		}
	}
}

func TestNoClockRunsToAnEndThatNobodyNamed(t *testing.T) {
	cfg := Defaults()
	cfg.Opening = "auto"
	h := sale
	h.Reasons = []domain.Reason{{Signal: "keyword", Detail: `flash sale: "last three minutes"`}} // an event of before
	p := shipped(t).plan(cfg, room, h)
	if p.Shots[0].Template != "live_now" || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "needs a countdown") {
		t.Errorf("opened by %q with notes %q", p.Shots[0].Template, p.Notes)
	}
}

func TestAClipNamesTheProductThatIsSoldOrNone(t *testing.T) {
	cup, lid, scarf := domain.Product{ID: "1", Name: "保温杯", Price: "¥99", Was: "¥120"}, domain.Product{ID: "2", Name: "保温杯盖", Price: "¥9"}, domain.Product{ID: "3", Name: "围巾", Price: "¥59"}
	several := domain.Context{Products: []domain.Product{cup, lid, scarf}}
	for name, c := range map[string]struct {
		room domain.Context
		h    domain.Highlight
		want domain.Product
	}{
		"the one on show, not the one named":      {several, domain.Highlight{Product: "3", Text: "比保温杯还便宜"}, scarf},
		"at its feed's price":                     {several, domain.Highlight{Product: "1", Item: domain.Product{ID: "1", Name: "杯", Price: "¥79"}}, domain.Product{ID: "1", Name: "保温杯", Price: "¥79"}},
		"one that only the feed knows":            {several, domain.Highlight{Product: "9", Item: domain.Product{ID: "9", Name: "台灯", Price: "¥39"}}, domain.Product{ID: "9", Name: "台灯", Price: "¥39"}},
		"the longest name said":                   {several, domain.Highlight{Text: "这个保温杯盖九块"}, lid},
		"none of several":                         {several, domain.Highlight{Text: "全场五折"}, domain.Product{}},
		"the only one":                            {domain.Context{Products: []domain.Product{cup}}, domain.Highlight{Text: "全场五折"}, cup},
		"not the only one while another is shown": {domain.Context{Products: []domain.Product{cup}}, domain.Highlight{Product: "9"}, domain.Product{}},
	} {
		if got := productOf(c.room, c.h); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAnEngineIsPromptedInALanguageItUnderstands(t *testing.T) {
	l, cfg := shipped(t), Defaults()
	l.limits["own"] = Limit{Characters: 300, Languages: []string{"en"}}
	h := domain.Highlight{Kind: "discount", Text: "全场五折"}
	shot := l.generated(cfg, h, l.values(domain.Context{Host: "小美"}, h))
	if want := "小美 presents today's pick with enthusiasm, zoom in on the price tag, cheerful background music, bright and clear picture"; shot.Prompt != want {
		t.Errorf("got %q, want %q", shot.Prompt, want)
	}
}

func TestWhatIsTooLongOrHasControlCharactersIsNamedAndSurvived(t *testing.T) {
	room := domain.Context{Language: "en", Host: "a\x00b\x1b[31m", Products: []domain.Product{{Name: strings.Repeat("x", 100<<10), Price: "${host}"}}}
	cfg := Defaults()
	cfg.Opening, cfg.Generate = "countdown", true
	p := shipped(t).plan(cfg, room, sale)
	if len(p.Shots[1].Prompt) > 400 || p.Shots[0].Fields["price"] != "${host}" || len(p.Shots[0].Fields["product"]) != 60 {
		t.Errorf("prompt of %d bytes, fields %v", len(p.Shots[1].Prompt), p.Shots[0].Fields)
	}
	want := []string{"host had control characters: they were taken out", "product has 102400 characters: cut to 60"}
	if !reflect.DeepEqual(p.Notes, want) {
		t.Errorf("notes %q, want %q", p.Notes, want)
	}
}

func TestAWindowThatCannotBeClippedIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		h  domain.Highlight
		ok bool
	}{
		"usual":    {sale, true},
		"empty":    {domain.Highlight{ID: "h", Window: domain.Window{Start: 5, End: 5}}, false},
		"reversed": {domain.Highlight{ID: "h", Window: domain.Window{Start: 5, End: 2}}, false},
		"negative": {domain.Highlight{ID: "h", Window: domain.Window{Start: -5, End: 2}}, false},
		"too long": {domain.Highlight{ID: "h", Window: domain.Window{End: time.Hour}}, false},
		"nameless": {domain.Highlight{Window: sale.Window}, false},
	} {
		if err := check(test.h, 10*time.Minute); (err == nil) != test.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAVerticalRenditionIsMadeWhereTheSettingTheRoomOrTheRequestAsksForIt(t *testing.T) {
	vertical := domain.Profile{Name: "vertical", Width: 720, Height: 1280, Watermark: true, Framing: domain.FramingFollow}
	always, tall, asked := Defaults(), room, sale
	always.Vertical, tall.Vertical, asked.Vertical = true, true, true
	for name, p := range map[string]domain.Plan{
		"setting": shipped(t).plan(always, room, sale), "room": shipped(t).plan(Defaults(), tall, sale), "request": shipped(t).plan(Defaults(), room, asked),
	} {
		if len(p.Profiles) != 3 || p.Profiles[2] != vertical {
			t.Errorf("%s: profiles %+v", name, p.Profiles)
		}
	}
}
