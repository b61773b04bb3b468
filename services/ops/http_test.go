package ops

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	opsv1 "liveclip/proto/ops/v1"
)

func TestEveryRefusalIsAProblemDocument(t *testing.T) {
	r := newRig(t, func(c *Config) { c.BodyLimit = 4096 })
	r.operator("PUT", "/v1/streams/room1", `{"source":"rtmp://o.example/a"}`)
	for name, c := range map[string]struct {
		token, method, path, body string
		status                    int
		says                      string
	}{
		"no token":               {"", "GET", "/v1/streams", "", 401, "no token"},
		"wrong token":            {"nonsense", "GET", "/v1/streams", "", 401, "not known"},
		"viewer attaches":        {viewerToken, "PUT", "/v1/streams/a", `{}`, 403, "operator"},
		"hook token reads":       {hookToken, "GET", "/v1/streams", "", 403, "viewer"},
		"query token on a call":  {"", "GET", "/v1/streams?access_token=" + operatorToken, "", 401, "no token"},
		"malformed JSON":         {operatorToken, "PUT", "/v1/streams/a", `{"source":`, 400, "not JSON"},
		"two JSON values":        {operatorToken, "PUT", "/v1/streams/a", `{} {}`, 400, "not JSON"},
		"unknown field":          {operatorToken, "PUT", "/v1/streams/a", `{"sauce":"push"}`, 400, "sauce"},
		"wrong type":             {operatorToken, "PUT", "/v1/streams/a", `{"source":7}`, 400, "source"},
		"body too large":         {operatorToken, "PUT", "/v1/streams/a", `{"source":"` + strings.Repeat("x", 5000) + `"}`, 413, "4096"},
		"deep body":              {operatorToken, "PUT", "/v1/streams/a", strings.Repeat("[", 2000) + strings.Repeat("]", 2000), 400, ""},
		"unknown call":           {operatorToken, "GET", "/v1/nothing", "", 404, "/v1/nothing"},
		"unknown page":           {"", "GET", "/nothing", "", 404, "/nothing"},
		"wrong method":           {operatorToken, "POST", "/v1/streams/a", "", 405, "POST"},
		"unknown stream":         {operatorToken, "GET", "/v1/streams/a", "", 404, "stream a"},
		"another tenant's":       {otherToken, "GET", "/v1/streams/room1", "", 404, "stream room1"},
		"stream ID of bad form":  {operatorToken, "GET", "/v1/streams/a.b", "", 400, "letters"},
		"unknown clip":           {operatorToken, "GET", "/v1/clips/zzz", "", 404, "clip zzz"},
		"unknown clip's verdict": {operatorToken, "POST", "/v1/clips/zzz/decision", `{"verdict":"approved"}`, 404, "clip zzz"},
		"unknown verdict":        {operatorToken, "POST", "/v1/clips/zzz/decision", `{"verdict":"perhaps"}`, 422, "perhaps"},
		"unknown clip state":     {operatorToken, "GET", "/v1/clips?state=odd", "", 400, "odd"},
		"odd page":               {operatorToken, "GET", "/v1/clips?after=x", "", 400, "page"},
		"unknown batch":          {operatorToken, "GET", "/v1/batches/zzz", "", 404, "batch zzz"},
		"empty batch":            {operatorToken, "POST", "/v1/batches", `{}`, 422, "sources"},
		"bad batch source":       {operatorToken, "POST", "/v1/batches", `{"sources":["https://o.example/a.mp4","ftp://x/y"]}`, 422, "sources[1]"},
		"unknown media server":   {hookToken, "POST", "/v1/hooks/wowza", `{}`, 404, "wowza"},
		"clip of unknown stream": {operatorToken, "POST", "/v1/streams/a/clips", `{"before_s":3}`, 404, "stream a"},
		"clip before on air":     {operatorToken, "POST", "/v1/streams/room1/clips", `{"before_s":3}`, 409, "not been on air"},
		"audience before on air": {operatorToken, "POST", "/v1/streams/room1/audience", `[]`, 409, "not on air"},
		"preview as viewer":      {viewerToken, "GET", "/preview/zzz/index.m3u8", "", 403, "operator"},
		"events without a token": {"", "GET", "/v1/events", "", 401, "no token"},
		"report of no one":       {"", "POST", "/v1/playback", `{"clip_id":"zzz"}`, 401, "signed URL"},
		"forged report":          {"", "POST", "/v1/playback", `{"clip_id":"zzz","url":"/vod/zzz/h/720p.mp4?signature=AAAA"}`, 401, "signed URL"},
		"control character":      {operatorToken, "PUT", "/v1/streams/a", `{"source":"push","context":{"host":"a\u0000b"}}`, 422, "context.host"},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.call(c.token, c.method, c.path, c.body)
			if got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s: %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			var p struct {
				Type, Title, Detail, Instance string
				Status                        int
			}
			if err := json.Unmarshal([]byte(got.body), &p); err != nil {
				t.Fatal(err)
			}
			if got.status != c.status || p.Status != c.status || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%d, says %q; want %d that says %q", got.status, p.Detail, c.status, c.says)
			}
			path, _, _ := strings.Cut(c.path, "?")
			if p.Type != "about:blank" || p.Title != http.StatusText(c.status) || p.Instance != path {
				t.Errorf("problem %+v", p)
			}
		})
	}
}

func TestOverGRPCTheTokenIsInTheMetadataAndAProblemInTheDetails(t *testing.T) {
	r := newRig(t)
	server := httptest.NewUnstartedServer(r.s.Handler())
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	conn, err := grpc.NewClient(server.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := opsv1.NewOpsClient(conn)

	if _, err := client.ListStreams(t.Context(), &opsv1.ListStreamsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+operatorToken)
	if _, err := client.ListStreams(ctx, &opsv1.ListStreamsRequest{}); err != nil {
		t.Errorf("with a token: %v", err)
	}
	_, err = client.GetStream(ctx, &opsv1.GetStreamRequest{StreamId: "nobody"})
	details := status.Convert(err).Details()
	if len(details) != 1 {
		t.Fatalf("unknown stream: %v", err)
	}
	problem := details[0].(*opsv1.Problem)
	if problem.Status != http.StatusNotFound || problem.Detail != "stream nobody is not known" {
		t.Errorf("problem %v", problem)
	}
}

func TestTheConsoleLoadsNothingFromElsewhere(t *testing.T) {
	r := newRig(t)
	page := r.call("", "GET", "/", "")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", page.status, page.header)
	}
	for _, file := range []string{"index.html", "console.css", "console.js", "rooms.js", "clips.js", "batch.js"} {
		got := r.call("", "GET", "/console/"+file, "")
		if got.status != http.StatusOK || strings.Contains(got.body, "http://") || strings.Contains(got.body, "https://") {
			t.Errorf("%s: %d, or names another host", file, got.status)
		}
	}
	if got := r.call("", "GET", "/console/../service.go", ""); got.status == http.StatusOK {
		t.Error("the console gives files that are not its own")
	}
}
