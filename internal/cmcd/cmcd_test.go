package cmcd

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestWhatPlayersSayIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		query  string
		want   Data
	}{
		"nothing": {},
		"the standard's example of a query": {
			query: `bl=21300,br=3200,bs,cid="faec5fc2-ac30-11eabb37-0242ac130002",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=d,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,su,tb=6000`,
			want: Data{
				Session: "6e2fb550-c457-11e9-bb97-0800200c9a66", Content: "faec5fc2-ac30-11eabb37-0242ac130002", Object: "v",
				Startup: true, Starved: true, Bitrate: 3200, Buffered: 21300, Measured: 48100,
			},
		},
		"four fields of a header": {
			header: http.Header{
				"Cmcd-Object": {"br=3200,d=4004,ot=v,tb=6000"}, "Cmcd-Request": {`bl=21300, mtp=48100,su`},
				"Cmcd-Session": {`sid="a"`}, "Cmcd-Status": {"rtp=12000"},
			},
			want: Data{Session: "a", Object: "v", Startup: true, Bitrate: 3200, Buffered: 21300, Measured: 48100},
		},
		"a player's own, with commas and quotes inside": {
			query: `com.example-a="x,\"y\"\\",com.example-b=1`,
			want:  Data{Custom: map[string]string{"com.example-a": `x,"y"\`, "com.example-b": "1"}},
		},
		"what was said is false": {query: "su=false"},
	} {
		if got, err := Of(c.header, c.query); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatIsNotWellFormedIsAnError(t *testing.T) {
	for _, query := range []string{
		",", "=", "a,", "a,,b", "=1", `sid="x`, `sid="x\`, `sid="x"y`, "br=fast", "br=-1", "br=99999999999999999999", `a=b"c`, "a=",
		strings.Repeat("a,", 65) + "a", strings.Repeat("x", 5000),
	} {
		if got, err := Of(nil, query); err == nil {
			t.Errorf("%.40q: %+v", query, got)
		}
	}
}

func FuzzAnyListIsReadOrRefused(f *testing.F) {
	f.Add(`bl=21300,br=3200,bs,cid="x",com.example-a="y,\"z\""`)
	f.Add(`a="`)
	f.Add(`=,`)
	f.Fuzz(func(t *testing.T, list string) {
		d, _ := Of(http.Header{"Cmcd-Request": {list}}, "")
		if len(d.Session) > len(list) || len(d.Custom) > maxKeys {
			t.Fatalf("%+v of %q", d, list)
		}
	})
}
