package vod

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	"liveclip/internal/sign"
)

var regexpLink = regexp.MustCompile(`(?m)^https?://.*$`)

// openedWith is an origin with settings of its own.
func openedWith(t *testing.T, content string, change func(*Config, *Deps)) *origin {
	t.Helper()
	o := newOrigin(t, content)
	cfg := Defaults()
	deps := Deps{
		Store: o.store, Keys: testKeys, LinkTTL: time.Hour, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Now: o.clock.now, Deliver: o.deps.Deliver,
	}
	change(&cfg, &deps)
	if faults := cfg.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	var err error
	if o.Handler, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	o.server.Config.Handler = o.Handler
	return o
}

func TestPagesThatMayNotEmbedAreRefused(t *testing.T) {
	o := openedWith(t, digits, func(c *Config, _ *Deps) {
		c.Referer = Referer{Allow: []string{"shop.example", "*.mall.example"}}
	})
	for referer, status := range map[string]int{
		"https://shop.example/room/1": 200, "https://SHOP.example:8443/": 200, "https://a.b.mall.example/": 200,
		"": 403, "https://mall.example/": 403, "https://evilmall.example/": 403, "https://shop.example.evil/": 403,
		"https://evil/?shop.example": 403, "shop.example": 403, "https://user@evil/shop.example": 403,
	} {
		got := o.ask(t, "GET", o.path("720p.mp4"), "Referer: "+referer)
		if got.status != status {
			t.Errorf("%q: %d", referer, got.status)
		}
		<-o.told
	}
	refused := 0
	for _, d := range o.deliveries {
		if d.Status == 403 && d.Session == "s" {
			refused++
		}
	}
	if refused != 7 {
		t.Errorf("%d refusals were told", refused)
	}
}

func TestARequestThatNamesNoPageIsLetInWhereThatIsAllowed(t *testing.T) {
	o := openedWith(t, digits, func(c *Config, _ *Deps) { c.Referer = Referer{Allow: []string{"shop.example"}, Empty: true} })
	if got := o.ask(t, "GET", o.path("720p.mp4")); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}

func TestASessionThatAsksTooMuchWaits(t *testing.T) {
	o := openedWith(t, digits, func(c *Config, _ *Deps) { c.Limits.Session = Limit{Rate: 0.5, Burst: 2} })
	statuses := func(path string, n int) (all []int) {
		for range n {
			all = append(all, o.ask(t, "GET", path, "Range: bytes=0-0").status)
		}
		return all
	}
	if got := statuses(o.path("720p.mp4"), 3); !reflect.DeepEqual(got, []int{206, 206, 429}) {
		t.Errorf("%v", got)
	}
	refused := o.ask(t, "GET", o.path("720p.mp4"))
	if refused.header["Retry-After"] != "2" || !strings.Contains(refused.header["Access-Control-Expose-Headers"], "Retry-After") || refused.header["Cache-Control"] != "no-store" {
		t.Errorf("%v", refused.header)
	}
	other := testKeys.URL(sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Session: "another", Expires: noon.Add(time.Hour)}, "720p.mp4")
	if got := statuses(other, 1); got[0] != 206 {
		t.Errorf("another session: %v", got)
	}
	o.clock.advance(2 * time.Second)
	if got := statuses(o.path("720p.mp4"), 2); !reflect.DeepEqual(got, []int{206, 429}) {
		t.Errorf("later: %v", got)
	}
}

func TestAnAddressThatAsksTooMuchWaitsWhateverItAsksFor(t *testing.T) {
	o := openedWith(t, digits, func(c *Config, _ *Deps) {
		c.Limits.Address = Limit{Rate: 1, Burst: 1}
		c.TrustedProxies = []string{"127.0.0.0/8", "10.0.0.1"}
	})
	for _, c := range []struct {
		forwarded string
		status    int
	}{
		{"203.0.113.9", 206}, {"203.0.113.9", 429}, {"203.0.113.10", 206},
		{"198.51.100.1, 203.0.113.10", 429}, // the first is what the client claims
		{"203.0.113.9, 10.0.0.1", 429},      // behind two proxies of ours
		{"2001:db8::1", 206}, {"2001:db8::2", 429}, {"2001:db8:0:1::2", 206},
	} {
		if got := o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=0-0", "X-Forwarded-For: "+c.forwarded); got.status != c.status {
			t.Errorf("%s: %d, want %d", c.forwarded, got.status, c.status)
		}
	}
	if got := o.ask(t, "GET", "/vod/unsigned/x/y", "X-Forwarded-For: 203.0.113.9"); got.status != 429 {
		t.Errorf("unsigned: %d", got.status)
	}
}

func TestOnlyATrustedProxyIsBelieved(t *testing.T) {
	proxies, err := parseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1"},
		{"10.1.1.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.1.1.1:5", "", "10.1.1.1"},
		{"10.1.1.1:5", "nonsense, 203.0.113.9", "203.0.113.9"},
		{"10.1.1.1:5", "203.0.113.9, nonsense", "10.1.1.1"},
		{"[::ffff:10.1.1.1]:5", "203.0.113.9", "203.0.113.9"},
		{"[2001:db8::5%eth0]:5", "", "2001:db8::"},
		{"pipe", "203.0.113.9", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := proxies.of(r).String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestManyAddressesTakeABoundedTable(t *testing.T) {
	l := newLimiter[netip.Addr](Limit{Rate: 1, Burst: 1}, newClock().now)
	at := netip.MustParseAddr("2001:db8::")
	for range 3 * limitsKept {
		l.wait(at)
		at = at.Next()
	}
	if n := len(l.seen.young) + len(l.seen.older); n > limitsKept {
		t.Errorf("%d are held", n)
	}
}

func TestAClipBehindACDNIsLetThrough(t *testing.T) {
	keys := sign.Keys{Current: sign.Key{ID: "k", Secret: "a key of the CDN"}}
	cdns := []sign.CDN{
		{Name: "ali", Form: sign.AliyunA, Host: "https://ali.example", Keys: keys, Valid: time.Hour, OriginSecret: "the secret of Aliyun"},
		{Name: "qq", Form: sign.TencentD, Host: "https://qq.example", Keys: keys, Valid: time.Hour},
	}
	o := openedWith(t, film(t, "+global_sidx"), func(c *Config, d *Deps) {
		d.CDNs = cdns
		c.Referer = Referer{Allow: []string{"shop.example"}}
	})
	o.writeFilm(t, func(*domain.Rendered) {})
	grant := sign.Grant{Path: "/vod/clip1/hash1/", Tenant: "default", Session: "viewer", Expires: noon.Add(2 * time.Hour)}
	through := func(cdn sign.CDN, file string) string {
		raw, err := cdn.URL(grant, file)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return u.RequestURI()
	}
	page := "Referer: https://shop.example/"
	for _, cdn := range cdns {
		if got := o.ask(t, "GET", through(cdn, "720p.mp4"), page, "Range: bytes=0-3"); got.status != 206 || got.header["Cache-Control"] != "public, max-age=7200, immutable" {
			t.Errorf("%s: %d %v", cdn.Name, got.status, got.header)
		}
		if got := o.ask(t, "GET", strings.Replace(through(cdn, "720p.mp4"), "720p", "empty", 1), page); got.status != 403 {
			t.Errorf("%s for another file: %d", cdn.Name, got.status)
		}
		list := o.ask(t, "GET", through(cdn, "720p.m3u8"), page)
		link := regexpLink.FindString(list.body)
		if want := strings.TrimPrefix(link, cdn.Host); list.status != 200 || link == want || o.ask(t, "GET", want, page, "Range: bytes=0-3").status != 206 ||
			!strings.HasPrefix(list.header["Cache-Control"], "private,") {
			t.Errorf("%s: the playlist leads to %q\n%v\n%s", cdn.Name, link, list.header, list.body)
		}
	}
	// Aliyun takes the signature off before it asks the origin, and need not name a page.
	for secret, status := range map[string]int{"the secret of Aliyun": 206, "a guess of the secret": 403, "": 403} {
		if got := o.ask(t, "GET", "/vod/clip1/hash1/720p.mp4", sign.OriginHeader+": "+secret, "Range: bytes=0-3"); got.status != status {
			t.Errorf("%q: %d", secret, got.status)
		}
	}
	list := o.ask(t, "GET", "/vod/clip1/hash1/index.m3u8", sign.OriginHeader+": the secret of Aliyun")
	if !strings.Contains(list.body, "https://ali.example/vod/clip1/hash1/720p.m3u8?auth_key=") {
		t.Errorf("%s", list.body)
	}
	o.clock.advance(2 * time.Hour)
	if got := o.ask(t, "GET", through(cdns[1], "720p.mp4"), page); got.status != 403 || !strings.Contains(got.body, "expired") {
		t.Errorf("when over: %d %s", got.status, got.body)
	}
}

func TestASignatureIsGoodForItsSessionOnly(t *testing.T) {
	o := newOrigin(t, digits)
	forged := wantProblem(403, "this URL is not signed, or was altered")
	of := o.path("720p.mp4")
	if got := o.ask(t, "GET", of); got.status != 200 { // from here on it is known as good
		t.Fatalf("its own session: %d", got.status)
	}
	for name, path := range map[string]string{
		"another session": strings.Replace(of, "session=s&", "session=t&", 1),
		"no session":      strings.Replace(of, "session=s&", "", 1),
		"two sessions":    strings.Replace(of, "session=s&", "session=s&session=t&", 1),
		"another clip":    strings.Replace(of, "/clip1/", "/clip2/", 1),
	} {
		if path == of {
			t.Fatalf("%s: %s names no session", name, of)
		}
		t.Run(name, func(t *testing.T) { compare(t, o.ask(t, "GET", path), forged) })
	}
}

func TestASignatureThatWasFoundGoodStillEnds(t *testing.T) {
	o := newOrigin(t, digits)
	path := o.path("720p.mp4")
	for range 2 {
		if got := o.ask(t, "GET", path); got.status != 200 {
			t.Fatal(got.status)
		}
	}
	if got := o.ask(t, "GET", strings.Replace(path, "/hash1/", "/hash2/", 1)); got.status != 403 {
		t.Errorf("for another hash: %d", got.status)
	}
	o.clock.advance(time.Hour)
	if got := o.ask(t, "GET", path); got.status != 403 {
		t.Errorf("when over: %d", got.status)
	}
}

func TestFaultsOfTheVODPathsSettings(t *testing.T) {
	c := Defaults()
	c.Patience, c.Referer.Allow, c.Limits.Session, c.Limits.Address = 0, []string{"https://shop.example"}, Limit{Rate: 1}, Limit{Rate: -1}
	c.TrustedProxies = []string{"10.0.0.0/99"}
	got := c.Faults()
	want := []string{
		"publish.vod.patience: must be 1s to 1h, is 0s",
		`publish.vod.referer.allow[0]: must be a host in lower case, or *. and a host, is "https://shop.example"`,
		"publish.vod.limits.session: rate must not be negative, and burst at least 1, are 1 and 0",
		"publish.vod.limits.address: rate must not be negative, and burst at least 1, are -1 and 0",
		`publish.vod.trusted_proxies: "10.0.0.0/99" is no address and no CIDR`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestWhatARequestSaysOfItselfIsToldAndCarriedNoFurther(t *testing.T) {
	o := openedWith(t, film(t, ""), func(*Config, *Deps) {})
	for _, c := range []struct {
		query   string
		fields  []string
		purpose domain.Purpose
		id      string
		session string
	}{
		{"", nil, "", "", "s"},
		{"&purpose=P1&rid=r9", nil, domain.PurposePreload, "r9", "s"},
		{"&purpose=fill", []string{"X-Purpose: head", "X-Request-Id: r1"}, domain.PurposeHead, "r1", "s"},
		{"&CMCD=" + url.QueryEscape(`su,sid="x"`), nil, domain.PurposeHead, "", "s"},
		{"", []string{`CMCD-Request: bl=4000`, `CMCD-Session: sid="x"`}, domain.PurposeFill, "", "s"},
		{"", []string{`CMCD-Request: bl=4000,com.liveclip-purpose=preload`}, domain.PurposePreload, "", "s"},
		{"&purpose=" + strings.Repeat("x", 100) + "&rid=%00&CMCD=%22", nil, "", "", "s"},
	} {
		list := o.ask(t, "GET", o.path("720p.m3u8")+c.query, c.fields...)
		if strings.Contains(list.body, "purpose") || strings.Contains(list.body, "rid=") || strings.Contains(list.body, "CMCD") {
			t.Errorf("%s: carried on:\n%s", c.query, list.body)
		}
		<-o.told
		d := o.deliveries[len(o.deliveries)-1]
		if d.Purpose != c.purpose || c.id != "" && d.RequestID != c.id || d.RequestID == "" || d.Session != c.session {
			t.Errorf("%+v: told as %+v", c, d.Delivery)
		}
	}
	seen := map[string]bool{}
	for _, d := range o.deliveries {
		if seen[d.RequestID] {
			t.Errorf("two requests are %q", d.RequestID)
		}
		seen[d.RequestID] = true
	}
}
