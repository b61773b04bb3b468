package detect

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestAFloodOfCommentsIsCountedUpToABoundAndTheRest(t *testing.T) {
	r := newRoom(t)
	lost := 0
	for i := range 20_000 {
		if !r.write(comment(10+float64(i)/10_000, fmt.Sprint("flood", i))) {
			lost++
		}
	}
	if lost != 20_000-4*mostInHop {
		t.Errorf("%d are lost", lost)
	}
	if got := highlights(r.advance(seconds(30))); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestWhenTooMuchIsAwaitedTheFarthestGoesFirst(t *testing.T) {
	r := newRoom(t)
	for i := range mostAwaiting {
		if !r.write(comment(3600+float64(i)/1000, fmt.Sprint("future", i))) {
			t.Fatalf("comment %d was lost", i)
		}
	}
	if r.write(comment(80_000, "farthest")) {
		t.Error("a comment of the farthest future has room")
	}
	if !r.write(comment(1, "now")) {
		t.Error("a comment of now has no room for those of the future")
	}
}

func TestCommentsOfThePastAreLostAndLateOnesCountWhenTheyCome(t *testing.T) {
	r := newRoom(t)
	r.advance(seconds(100))
	for at, want := range map[float64]bool{-5: false, 50: false, 80: true, 99.9: true} {
		if got := r.write(comment(at, fmt.Sprint("late", at))); got != want {
			t.Errorf("a comment of %v s: taken %v", at, got)
		}
	}
}

func TestRepeatedSignalsCountOnce(t *testing.T) {
	r := newRoom(t)
	order := domain.AudienceSignal{ID: "o1", Kind: domain.SignalOrder, At: seconds(10), Count: 5}
	for range 50 {
		r.write(order)
	}
	r.advance(seconds(11.2))
	if r.Orders.Sum != 5 {
		t.Errorf("counted %d", r.Orders.Sum)
	}
}

func TestAComboOfGiftsCountsOnce(t *testing.T) {
	r := newRoom(t)
	for i := range 10 {
		r.write(domain.AudienceSignal{ID: fmt.Sprint("g", i), Kind: domain.SignalGift, User: "fan", At: seconds(10 + float64(i)/10), Text: "rose", Count: int64(i + 1)})
	}
	r.write(domain.AudienceSignal{ID: "other", Kind: domain.SignalGift, User: "another", At: seconds(10.5), Text: "rose", Count: 3})
	r.advance(seconds(12))
	if r.Gifts.Sum != 13 {
		t.Errorf("counted %d", r.Gifts.Sum)
	}
}

func TestHugeAndStrangeCommentsAreTakenInNoTime(t *testing.T) {
	r := newRoom(t)
	for i, text := range []string{strings.Repeat("买买买 ", 200_000), "\x00\x01\x02\xff\xfe", strings.Repeat("\u0301", 5000), "", "\u202eevil"} {
		c := comment(5+float64(i), fmt.Sprint("user", i))
		c.Text, c.Count = text, -1<<62
		if !r.write(c) {
			t.Errorf("comment %d was lost", i)
		}
	}
	r.advance(seconds(20))
}

func TestHostileNumbersDoNoHarm(t *testing.T) {
	r := newRoom(t)
	r.write(domain.AudienceSignal{ID: "a", Kind: domain.SignalLike, At: 1 << 62, Count: 1 << 62})
	r.write(domain.AudienceSignal{ID: "b", Kind: domain.SignalOrder, At: -1 << 62, Count: -1 << 62})
	r.write(domain.AudienceSignal{ID: "c", Kind: domain.SignalProduct, At: -1 << 62, Action: domain.ProductPriced, Item: domain.Product{ID: "x", Price: strings.Repeat("9", 400)}})
	r.measure(domain.SoundMeasured{Start: seconds(1), Step: 1, Momentary: []float64{1e308, 1e308, -1e308}})
	r.cuts([]time.Duration{-1, 1 << 62})
	for _, d := range r.advance(seconds(60)) {
		if d.Highlight.Score != d.Highlight.Score {
			t.Errorf("got %+v", d.Highlight)
		}
	}
	if _, err := json.Marshal(r.memory); err != nil {
		t.Error(err)
	}
}

// It measures the process's memory, so that it has a process of its own: this test binary run again.
func TestADayOfABusyRoomStaysSmall(t *testing.T) {
	const alone = "LIVECLIP_TEST_DETECT_ALONE"
	if os.Getenv(alone) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), alone+"=1")
		said, err := again.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		t.Logf("%s", said)
		return
	}
	r := newRoom(t)
	var sizes []int
	for s := range 24 * 3600 {
		at := float64(s)
		many := 1
		if s%7200 > 7000 { // the end of every second hour is busy
			many = 20
		}
		for i := range many {
			r.write(domain.AudienceSignal{Kind: domain.SignalComment, At: seconds(at + float64(i)/20), User: fmt.Sprint(s*31%4000, i), Text: "多少钱啊"})
		}
		if s%5 == 0 {
			r.say(said(at, at+4, "this bag is blue and here is what it costs"))
			r.measure(level(s, -24))
		}
		if s%40 == 0 {
			r.write(domain.AudienceSignal{ID: fmt.Sprint("p", s), Kind: domain.SignalProduct, At: seconds(at), Item: domain.Product{ID: fmt.Sprint(s), Price: "¥99"}})
			r.cuts([]time.Duration{seconds(at)})
		}
		r.advance(seconds(at))
		if s%3600 == 3599 {
			text, err := json.Marshal(r.memory)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(text))
		}
	}
	for _, size := range sizes {
		if size > 128<<10 {
			t.Fatalf("kept state by the hour: %v bytes", sizes)
		}
	}
	for range 2 { // what other tests left in pools goes at the second
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	before := memory.HeapAlloc
	rules := r.rules
	runtime.KeepAlive(r)
	r = nil //nolint:wastedassign // so that it can go
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if held := int64(before) - int64(memory.HeapAlloc); held > 2<<20 {
		t.Errorf("the room holds %d bytes", held)
	}
	runtime.KeepAlive(rules)
	t.Logf("kept state: %v bytes", sizes)
}
