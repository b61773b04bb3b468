package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/job"
)

func TestAnOperatorSeesAndPausesTheQueuesOfARunningUp(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	address, folder := embeddedtest.RedisAddress(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, redisAddressFile), []byte(address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: address})
	defer rdb.Close()
	if err := job.NewClient(rdb, "t2v").Enqueue(t.Context(), job.Job{Kind: "t2v:shots", ID: "t2v:shots/c1/shots/1"}); err != nil {
		t.Fatal(err)
	}
	standing := fmt.Sprintf(`{"process":"here:1","at":%q,"engines":[{"name":"h200","state":"broken","why":"failed 3 times in a row, tried again in 4s"}]}`, time.Now().Format(time.RFC3339))
	if err := rdb.HSet(t.Context(), "liveclip:t2v:engines:1", "here:1", standing).Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"jobs list", 0, "t2v      live  1"},
		{"jobs list", 0, "broken"},
		{"jobs pause t2v --lane live", 0, ""},
		{"jobs", 0, "paused"},
		{"jobs drain t2v", 0, ""},
		{"jobs resume t2v", 0, ""},
		{"jobs dead t2v", 0, ""},
		{"jobs retry t2v --all", 0, "0 queued again"},
		{"jobs cancel t2v t2v:shots/c1/shots/1", 0, ""},
		{"jobs list", 0, "t2v      live  0"},
		{"jobs retry t2v", 2, "name one job, or give --all"},
		{"jobs pause nobody", 2, "no queue of service"},
		{"jobs pause t2v --lane express", 2, "must be live, manual or batch"},
	} {
		var out, said bytes.Buffer
		args := append(strings.Fields(c.args), "--data", folder)
		if code := run(context.Background(), args, stdio{&out, &said}); code != c.code || !strings.Contains(out.String()+said.String(), c.want) {
			t.Errorf("%s: exit %d, said %s%s; want %d and %q", c.args, code, out.String(), said.String(), c.code, c.want)
		}
	}
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	var chinese bytes.Buffer
	if code := run(context.Background(), []string{"jobs", "--data", folder}, stdio{&chinese, &chinese}); code != 0 || !strings.Contains(chinese.String(), "故障") || !strings.Contains(chinese.String(), "连续失败 3 次，4s 后重试") {
		t.Errorf("in Chinese: exit %d, said %s", code, chinese.String())
	}
	var out, said bytes.Buffer
	if code := run(context.Background(), []string{"jobs", "--data", t.TempDir()}, stdio{&out, &said}); code != 2 || !strings.Contains(said.String(), "no liveclip up has run") {
		t.Errorf("without an up: exit %d, said %s", code, said.String())
	}
}
