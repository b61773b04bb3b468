package asr

import (
	"slices"
	"strings"
	"testing"

	"liveclip/internal/domain"
)

func TestPublishersNameStreamsAsEncodersDo(t *testing.T) {
	type want struct {
		ref domain.Ref
		key string
		ok  bool
	}
	for in, want := range map[[2]string]want{
		{"live", "room?key=k"}:                   {domain.Ref{Tenant: "default", Stream: "room"}, "k", true},
		{"live/", "room?key=k&x=1"}:              {domain.Ref{Tenant: "default", Stream: "room"}, "k", true},
		{"live/shop", "room?key=k"}:              {domain.Ref{Tenant: "shop", Stream: "room"}, "k", true},
		{"live?key=k", "room"}:                   {domain.Ref{Tenant: "default", Stream: "room"}, "k", true},
		{"live", "room"}:                         {domain.Ref{Tenant: "default", Stream: "room"}, "", true},
		{"", "room?key=k"}:                       {},
		{"app", "room?key=k"}:                    {},
		{"live", "?key=k"}:                       {},
		{"live", "../room?key=k"}:                {},
		{"live/a/b", "room?key=k"}:               {},
		{"live", "room?key=%zz"}:                 {},
		{"live", strings.Repeat("a", 65)}:        {},
		{"live/" + strings.Repeat("a", 65), "a"}: {},
	} {
		ref, key, err := parsePublishName(in[0], in[1])
		if ref != want.ref && want.ok || key != want.key || (err == nil) != want.ok {
			t.Errorf("%q: got %v, %q, %v", in, ref, key, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("live", "room?key=k")
	f.Add("live/shop?key=x", "room")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, app, name string) {
		ref, _, err := parsePublishName(app, name)
		if err != nil {
			if !domain.IsPermanent(err) {
				t.Errorf("temporary error %v", err)
			}
			return
		}
		if again, err := domain.ParseRef(ref.String()); err != nil || again != ref {
			t.Errorf("%q, %q gave %v, which is no stream: %v", app, name, ref, err)
		}
	})
}

func TestEveryFaultOfTheConfigurationIsNamedAtOnce(t *testing.T) {
	good := Defaults()
	good.Spool = "spool"
	if faults := good.Faults(); len(faults) > 0 {
		t.Errorf("faults of the defaults: %v", faults)
	}
	got := Config{RTMP: "1935", RTMPAdvertise: "http://x", Engine: "unheard-of", Streams: -1, Rejoin: -1, Advertise: "x"}.Faults()
	for _, name := range []string{"rtmp", "rtmp_advertise", "rpc", "advertise", "spool", "streams", "publishers", "engine", "recognisers", "rejoin", "segment", "part", "idle", "behind", "drain"} {
		if !slices.ContainsFunc(got, func(fault string) bool { return strings.HasPrefix(fault, "asr."+name+": ") }) {
			t.Errorf("no fault of asr.%s in %v", name, got)
		}
	}
}
