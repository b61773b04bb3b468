package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"liveclip/internal/await"
	"liveclip/internal/opsclient"
)

// lookEvery is how often a clip that is waited for is looked at.
const lookEvery = 500 * time.Millisecond

// clipStory is what a clip's state says of its end.
type clipStory struct {
	ClipID     string `json:"clip_id"`
	State      string `json:"state"`
	Playable   bool   `json:"playable"`
	Verdict    *struct{ Reason, Chinese string }
	Steps      []struct{ Step, Note, Chinese string }
	Renditions []struct {
		URL           string
		Width, Height int
	}
}

// standstills say that a clip is not on its way, in English and in Chinese.
var standstills = map[string][2]string{
	"rejected": {"was rejected", "已驳回"}, "failed": {"could not be made", "制作失败"}, "taken_down": {"was taken down", "已下架"},
	"needs_person": {"waits for a person", "等待人工审核"},
}

// awaitClip waits until a clip is playable and gives the address of its greatest rendition. A clip that never will be is an
// error with its reason; of one that waits for a person that is told, once, and it is waited for.
func awaitClip(ctx context.Context, ops *opsclient.Client, id string, io stdio) (address string, err error) {
	clip, told := clipStory{ClipID: id, State: "requested"}, false
	for {
		now := clipStory{}
		err := ops.Call(ctx, http.MethodGet, "/v1/clips/"+id, nil, &now)
		var p opsclient.Problem
		if errors.As(err, &p) && p.Status < 500 && p.Status != http.StatusNotFound { // else the server starts, or is still to show its own request
			return "", err
		}
		if err == nil {
			clip = now
		}
		switch clip.State {
		case "rejected", "failed", "taken_down":
			return "", errors.New(clip.standstill())
		case "needs_person":
			if !told {
				fmt.Fprintln(io.err, clip.standstill())
			}
			told = true
		}
		if clip.Playable && len(clip.Renditions) > 0 {
			return clip.largest(), nil
		}
		if ended := await.For(ctx, lookEvery); ended != nil {
			return "", errors.Join(fmt.Errorf("%s: %w", phrase("clip "+id+" is not playable yet", "切片 "+id+" 尚不可播放"), ended), err)
		}
	}
}

func (c clipStory) largest() string {
	largest := c.Renditions[0]
	for _, r := range c.Renditions {
		if r.Width*r.Height > largest.Width*largest.Height {
			largest = r
		}
	}
	return largest.URL
}

// standstill says the state of a clip that is not on its way, and why it is so.
func (c clipStory) standstill() string {
	why := phrase("no reason is given", "未说明原因")
	for _, step := range slices.Backward(c.Steps) {
		if step.Step == c.State && step.Note != "" {
			why = phrase(step.Note, step.Chinese)
			break
		}
	}
	if v := c.Verdict; v != nil && v.Reason != "" && (c.State == "rejected" || c.State == "needs_person") {
		why = phrase(v.Reason, v.Chinese)
	}
	return phrase("clip "+c.ClipID+" "+standstills[c.State][0]+": "+why, "切片 "+c.ClipID+" "+standstills[c.State][1]+"："+why)
}
