package sign

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// rsaKey is made once: it takes a while.
var rsaKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

func forms() []CDN {
	pair := Keys{Current: Key{"k2", "aliyuncdnexp1234"}, Previous: Key{"k1", "previous1234"}}
	return []CDN{
		{Name: "a", Form: AliyunA, Host: "https://a.example", Keys: pair, Valid: 30 * time.Minute},
		{Name: "c", Form: AliyunC, Host: "https://c.example", Keys: pair, Valid: 30 * time.Minute, OriginSecret: "a secret of the origin"},
		{Name: "d", Form: TencentD, Host: "https://d.example", Keys: pair, Valid: 10 * time.Minute},
		{Name: "cf", Form: CloudFront, Host: "https://cf.example", Keys: Keys{Current: Key{"KEYPAIR", rsaKey()}}},
	}
}

func parsed(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSignaturesAreThoseOfTheCDNsDocuments(t *testing.T) {
	for name, c := range map[string]struct{ got, want string }{
		"Aliyun A":  {authKey("aliyuncdnexp1234", "/video/standard/1K.html", "1444435200", "0", "0"), "1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f"},
		"Aliyun C":  {sum("aliyuncdnexp1234", "/test.flv", "55CE8100"), "a37fa50a5fb8f71214b1e7c95ec7a1bd"},
		"Tencent D": {sum("dimtm5evg50ijsx2hvuwyfoiu65", "/test.jpg", "1582791032"), "900a5049aa8ac1ab144527d9c2be4cea"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

func TestTheDocumentsOwnURLsAreGood(t *testing.T) {
	a, c, d := forms()[0], forms()[1], forms()[2]
	d.Keys = Keys{Current: Key{"k", "dimtm5evg50ijsx2hvuwyfoiu65"}}
	for _, example := range []struct {
		cdn  CDN
		url  string
		made int64
	}{
		{a, "http://cdn.example.com/video/standard/1K.html?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f", 1444435200},
		{c, "http://cdn.example.com/a37fa50a5fb8f71214b1e7c95ec7a1bd/55CE8100/test.flv", 0x55CE8100},
		{d, "http://cloud.tencent.com/test.jpg?sign=900a5049aa8ac1ab144527d9c2be4cea&t=1582791032", 1582791032},
	} {
		u := parsed(t, example.url)
		until := time.Unix(example.made, 0).Add(example.cdn.Valid)
		if g, err := example.cdn.Check(u, until.Add(-time.Second)); err != nil || !g.Expires.Equal(until) || !example.cdn.Claims(u) {
			t.Errorf("%s: %+v, %v", example.url, g, err)
		}
		if _, err := example.cdn.Check(u, until); !errors.Is(err, ErrExpired) {
			t.Errorf("%s, when over: %v", example.url, err)
		}
	}
}

func TestWhatIsSignedForACDNGivesItsGrantBack(t *testing.T) {
	g := Grant{Path: "/vod/c/h/", Tenant: "shop", Session: "viewer-1", Expires: noon.Add(time.Hour)}
	for _, cdn := range forms() {
		signed, err := cdn.URL(g, "720p.mp4")
		if err != nil {
			t.Fatal(err)
		}
		want := g
		if cdn.Form == TencentD {
			want.Session = ""
		}
		u := parsed(t, signed)
		if got, err := cdn.Check(u, noon); err != nil || !reflect.DeepEqual(got, want) || !strings.HasPrefix(signed, cdn.Host+"/") {
			t.Errorf("%s: %+v, %v", signed, got, err)
		}
		for _, other := range forms() {
			if other.Claims(u) != (other.Form == cdn.Form) {
				t.Errorf("%s is claimed by %s", signed, other.Form)
			}
		}
		old := cdn
		old.Keys = Keys{Current: Key{"new", "a new key of the CDN"}, Previous: cdn.Keys.Current}
		if _, err := old.Check(u, noon); err != nil {
			t.Errorf("%s by the previous key: %v", cdn.Form, err)
		}
		old.Keys.Previous = Key{}
		if _, err := old.Check(u, noon); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s by a foreign key: %v", cdn.Form, err)
		}
		if _, err := cdn.Check(u, g.Expires); !errors.Is(err, ErrExpired) {
			t.Errorf("%s when over: %v", cdn.Form, err)
		}
	}
}

func TestASignatureIsNoGoodElsewhere(t *testing.T) {
	g := Grant{Path: "/vod/c/h/", Tenant: domain.DefaultTenant, Expires: noon.Add(time.Hour)}
	for _, cdn := range forms() {
		signed, err := cdn.URL(g, "720p.mp4")
		if err != nil {
			t.Fatal(err)
		}
		forged := []string{strings.Replace(signed, "/c/h/", "/d/h/", 1), strings.Replace(signed, "/vod/", "/vod/x/../", 1)}
		if cdn.Form != CloudFront { // whose signature is for the folder
			forged = append(forged, strings.Replace(signed, "720p", "1080p", 1))
		}
		later := parsed(t, signed)
		switch cdn.Form {
		case AliyunA:
			later.RawQuery = "auth_key=9" + later.Query().Get("auth_key")[1:]
		case AliyunC:
			later.Path = later.Path[:34] + "F" + later.Path[35:]
		case TencentD:
			later.RawQuery = strings.Replace(later.RawQuery, "t=1", "t=9", 1)
		case CloudFront:
			q := later.Query()
			q.Set("Policy", cloudEncoding.EncodeToString(policyText("https://cf.example/*", 1<<33)))
			later.RawQuery = q.Encode()
		}
		for _, raw := range append(forged, later.String()) {
			if raw == signed {
				t.Errorf("%s is not altered", raw)
			}
			if got, err := cdn.Check(parsed(t, raw), noon); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %+v, %v", raw, got, err)
			}
		}
	}
}

func TestACannedPolicyIsForOneURLWithItsQuery(t *testing.T) {
	cdn := forms()[3]
	expires := noon.Add(time.Hour)
	signature, err := cloudSign(cdn.Keys.Current, policyText("https://cf.example/vod/c/h/720p.mp4?tenant=shop", expires.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	tail := "&Expires=1700003600&Signature=" + signature + "&Key-Pair-Id=KEYPAIR"
	if g, err := cdn.Check(parsed(t, "/vod/c/h/720p.mp4?tenant=shop"+tail), noon); err != nil || g.Tenant != "shop" || !g.Expires.Equal(expires) {
		t.Errorf("%+v, %v", g, err)
	}
	for _, raw := range []string{"/vod/c/h/720p.mp4?tenant=mall" + tail, "/vod/c/h/360p.mp4?tenant=shop" + tail, "/vod/c/h/720p.mp4?tenant=shop" + strings.Replace(tail, "1700003600", "1700003601", 1)} {
		if _, err := cdn.Check(parsed(t, raw), noon); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestAPolicyTheOriginCannotHoldIsRefused(t *testing.T) {
	cdn := forms()[3]
	for name, text := range map[string]string{
		"an address":       `{"Statement":[{"Resource":"https://cf.example/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}]}`,
		"not begun":        `{"Statement":[{"Resource":"https://cf.example/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000},"DateGreaterThan":{"AWS:EpochTime":1700000001}}}]}`,
		"no end":           `{"Statement":[{"Resource":"https://cf.example/*","Condition":{}}]}`,
		"another host":     `{"Statement":[{"Resource":"https://other.example/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000}}}]}`,
		"several":          `{"Statement":[{},{}]}`,
		"no JSON":          `{`,
		"an end of no day": `{"Statement":[{"Resource":"https://cf.example/*","Condition":{"DateLessThan":{"AWS:EpochTime":9223372036854775807}}}]}`,
	} {
		signature, err := cloudSign(cdn.Keys.Current, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		raw := "/vod/c/h/720p.mp4?Policy=" + cloudEncoding.EncodeToString([]byte(text)) + "&Signature=" + signature + "&Key-Pair-Id=KEYPAIR"
		if g, err := cdn.Check(parsed(t, raw), noon); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

func TestOnlyTheConfiguredOriginSecretIsTaken(t *testing.T) {
	with, without := CDN{OriginSecret: "a secret of the origin"}, CDN{}
	if !with.FromOrigin("a secret of the origin") || with.FromOrigin("a secret") || with.FromOrigin("") || without.FromOrigin("") {
		t.Error("taken wrongly")
	}
}

func TestFaultsOfCDNSettings(t *testing.T) {
	for _, c := range forms() {
		if faults := c.Faults("publish.cdn[0]"); len(faults) > 0 {
			t.Errorf("%s: %v", c.Form, faults)
		}
	}
	got := CDN{Name: "X", Form: "akamai", Host: "cdn.example", Valid: -1, OriginSecret: "short"}.Faults("cdn")
	want := []string{
		`cdn.name: must be 1 to 40 lower-case letters, digits, '_' or '-', is "X"`,
		`cdn.host: must be an http or https URL without a path, is "cdn.example"`,
		`cdn.valid: must be what the CDN adds to a URL's time, 0 for CloudFront, is -1ns`,
		`cdn.origin_secret: must have at least 16 bytes, has 5`,
		`cdn.form: must be "aliyun-a", "aliyun-c", "tencent-d" or "cloudfront", is "akamai"`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if got := (CDN{Name: "c", Form: AliyunC, Host: "https://c.example", Keys: forms()[0].Keys}).Faults("cdn"); !reflect.DeepEqual(got, []string{"cdn.origin_secret: must have at least 16 bytes, has 0"}) {
		t.Errorf("%q", got)
	}
	if got := (CDN{Name: "cf", Form: CloudFront, Host: "https://cf.example", Keys: Keys{Current: Key{"", "no key"}}}).Faults("cdn"); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func FuzzNoURLIsTakenThatWasNotSigned(f *testing.F) {
	cdns := forms()
	g := Grant{Path: "/vod/c/h/", Tenant: domain.DefaultTenant, Expires: noon.Add(time.Hour)}
	for _, cdn := range cdns {
		signed, err := cdn.URL(g, "720p.mp4")
		if err != nil {
			f.Fatal(err)
		}
		u, _ := url.Parse(signed)
		f.Add(u.Path, u.RawQuery)
	}
	f.Add("/", "sign=&t=00000000&auth_key=----&Key-Pair-Id=KEYPAIR&Policy=____&Signature=_")
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{Path: path, RawQuery: query}
		for _, cdn := range cdns {
			if got, err := cdn.Check(u, noon); err == nil && !strings.HasPrefix(Stripped(path), "/vod/c/h/") {
				t.Fatalf("%s takes %q?%q: %+v", cdn.Form, path, query, got)
			}
		}
	})
}
