package sign

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"liveclip/internal/domain"
)

var (
	keys = Keys{Current: Key{"k2", "the current secret of the test"}, Previous: Key{"k1", "the previous secret of the test"}}
	noon = time.Unix(1_700_000_000, 0).UTC()
)

func anyGrant(t *rapid.T) Grant {
	id := rapid.StringMatching(`[0-9a-z]{1,26}`)
	return Grant{
		Path:    "/vod/" + id.Draw(t, "clip") + "/" + id.Draw(t, "hash") + "/",
		Tenant:  domain.Tenant(rapid.SampledFrom([]string{"default", "shop", "a-b_c"}).Draw(t, "tenant")),
		Session: rapid.StringN(0, 20, 60).Draw(t, "session"),
		Expires: noon.Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "seconds")) * time.Second),
	}
}

func check(t interface{ Fatal(...any) }, raw string, now time.Time, k Keys) (Grant, error) {
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k.Check(u, now)
}

func TestASignedURLGivesItsGrantBackForEveryFileUnderIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrant(t)
		signed := keys.URL(g, "720p.mp4")
		for _, file := range []string{"720p.mp4", "index.m3u8", "cover.jpg", ""} {
			if got, err := check(t, strings.Replace(signed, "720p.mp4", file, 1), noon, keys); err != nil || !reflect.DeepEqual(got, g) {
				t.Fatalf("%s: got %+v, %v; want %+v", file, got, err, g)
			}
		}
	})
}

func TestAnyAlteredParameterIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrant(t)
		u, _ := url.Parse(keys.URL(g, "720p.mp4"))
		query := u.Query()
		name := rapid.SampledFrom([]string{"tenant", "session", "expires", "key", "signature", "path"}).Draw(t, "altered")
		value := rapid.StringN(0, 30, 60).Draw(t, "value")
		switch {
		case name == "path":
			u.Path = "/vod/" + value + "/h/720p.mp4"
		case query.Get(name) == value || name == "tenant" && value == "default":
			t.Skip("not altered")
		default:
			query.Set(name, value)
		}
		u.RawQuery = query.Encode()
		if got, err := keys.Check(u, noon); !errors.Is(err, ErrForbidden) {
			t.Fatalf("%s altered: got %+v, %v", u, got, err)
		}
	})
}

func TestWhatIsRefusedAndWhatIsNot(t *testing.T) {
	g := Grant{Path: "/vod/c/h/", Tenant: domain.DefaultTenant, Session: "s", Expires: noon.Add(time.Minute)}
	signed := keys.URL(g, "cover.jpg")
	old := Keys{Current: keys.Previous}
	for name, c := range map[string]struct {
		url  string
		now  time.Time
		keys Keys
		want error
	}{
		"as signed":                        {signed, noon, keys, nil},
		"with a parameter of another name": {signed + "&CMCD=br%3D3200", noon, keys, nil},
		"one second before its end":        {signed, noon.Add(59 * time.Second), keys, nil},
		"at its end":                       {signed, noon.Add(time.Minute), keys, ErrExpired},
		"under the previous key":           {old.URL(g, "cover.jpg"), noon, keys, nil},
		"after the previous key went":      {old.URL(g, "cover.jpg"), noon, Keys{Current: keys.Current}, ErrForbidden},
		"without keys":                     {Keys{}.URL(g, "cover.jpg"), noon, Keys{}, ErrForbidden},
		"without a query":                  {"/vod/c/h/cover.jpg", noon, keys, ErrForbidden},
		"deeper than the grant":            {strings.Replace(signed, "cover", "x/cover", 1), noon, keys, ErrForbidden},
		"with a parameter twice":           {signed + "&expires=99999999999", noon, keys, ErrForbidden},
		"with its own parameter twice":     {signed + "&session=s", noon, keys, ErrForbidden},
		"with another form of the number":  {strings.Replace(signed, "expires=1", "expires=01", 1), noon, keys, ErrForbidden},
		"with a semicolon":                 {signed + ";a=b", noon, keys, ErrForbidden},
		"expired and forged":               {strings.Replace(signed, "session=s", "session=t", 1), noon.Add(time.Hour), keys, ErrForbidden},
		"with the padding of base64":       {signed + "=", noon, keys, ErrForbidden},
		"too long":                         {signed + "&x=" + strings.Repeat("x", maxQuery), noon, keys, ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := check(t, c.url, c.now, c.keys); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTheDefaultTenantIsLeftOutOfTheURL(t *testing.T) {
	g := Grant{Path: "/vod/c/h/", Tenant: domain.DefaultTenant, Expires: noon}
	if u := keys.URL(g, "x"); strings.Contains(u, "tenant") || strings.Contains(u, "session") {
		t.Error(u)
	}
	g.Tenant = "shop"
	if u := keys.URL(g, "x"); !strings.Contains(u, "tenant=shop") {
		t.Error(u)
	}
}

func TestAPushKeyOpensItsStreamOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[A-Za-z0-9_-]{1,12}`)
		ref := domain.Ref{Tenant: domain.Tenant(id.Draw(t, "tenant")), Stream: domain.StreamID(id.Draw(t, "stream"))}
		other := domain.Ref{Tenant: domain.Tenant(id.Draw(t, "tenant 2")), Stream: domain.StreamID(id.Draw(t, "stream 2"))}
		key := keys.PushKey(ref)
		if len(key) != 20 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Fatalf("key %q", key)
		}
		if !keys.CheckPushKey(ref, key) || !keys.CheckPushKey(ref, Keys{Current: keys.Previous}.PushKey(ref)) {
			t.Fatal("the stream's own key is refused")
		}
		if other != ref && keys.CheckPushKey(other, key) || keys.CheckPushKey(ref, key[:19]) || keys.CheckPushKey(ref, "") || (Keys{}).CheckPushKey(ref, Keys{}.PushKey(ref)) {
			t.Fatal("a wrong key is taken")
		}
	})
}

func TestKeysThatProtectNothingAreFaults(t *testing.T) {
	for name, c := range map[string]struct {
		keys Keys
		want int
	}{
		"good":               {keys, 0},
		"current alone":      {Keys{Current: keys.Current}, 0},
		"none":               {Keys{}, 2},
		"short":              {Keys{Current: Key{"a", "short"}}, 1},
		"two with one ID":    {Keys{Current: keys.Current, Previous: Key{"k2", keys.Previous.Secret}}, 1},
		"previous half told": {Keys{Current: keys.Current, Previous: Key{ID: "k1"}}, 1},
	} {
		if got := c.keys.Faults(); len(got) != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzCheckNeverTakesWhatWasNotSigned(f *testing.F) {
	g := Grant{Path: "/vod/c/h/", Tenant: "shop", Session: "s", Expires: noon.Add(time.Hour)}
	signed := keys.URL(g, "720p.mp4")
	f.Add(signed)
	f.Add(strings.Replace(signed, "shop", "sh%6fp", 1))
	f.Add("/vod/c/h/720p.mp4?expires=1&key=k2&signature=")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			t.Skip()
		}
		if got, err := keys.Check(u, noon); err == nil && !reflect.DeepEqual(got, g) {
			t.Fatalf("%q opens %+v", raw, got)
		}
	})
}
