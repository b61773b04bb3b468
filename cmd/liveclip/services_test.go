package main

import (
	"net/http"
	"testing"
	"time"
)

func TestTheServerIsAsPatientAsTheVODPathIsSetTo(t *testing.T) {
	var s settings
	s.Publish.VOD.Patience = 7 * time.Second
	handler := http.NotFoundHandler()
	servers := running{http: handler, vod: handler}.servers(s, handler)
	if got := servers[len(servers)-1]; got.Name != "http" || got.Patience != s.Publish.VOD.Patience {
		t.Errorf("%s: %s", got.Name, got.Patience)
	}
}
