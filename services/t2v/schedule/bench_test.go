package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkDecision is one order in, one made and one begun, while so many wait: with time enough for all as asked, and with so
// little that quality and orders are given up.
func BenchmarkDecision(b *testing.B) {
	for _, c := range []struct {
		name   string
		within func(waiting int) time.Duration
	}{
		{"enough time", func(n int) time.Duration { return time.Duration(n+100) * 4 * time.Second }},
		{"overload", func(n int) time.Duration { return time.Duration(min(n, horizon)) * time.Second / 2 }},
	} {
		for _, waiting := range []int{10, 100, 1000, 4000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, waiting), func(b *testing.B) { decide(b, waiting, c.within(waiting)) })
		}
	}
}

func decide(b *testing.B, waiting int, within time.Duration) {
	s := newBench(Shipped(), 1, 1, 1, 1)
	form := Form{Width: 832, Height: 480, Steps: 4, Length: 4 * time.Second}
	s.costs.suppose("e0", form, 4*time.Second)
	for i := range 200 { // learned: 4 s, on each engine
		f := Form{Width: 832 - 16*(i%10), Height: 480, Steps: 4, Length: time.Duration(3000+10*i) * time.Millisecond}
		s.costs.learn(costKey{fmt.Sprint("e", i%4), f, false}, f.Length, s.at)
	}
	order := func(i int) Work {
		return Work{
			ID: fmt.Sprint(i), Tenant: fmt.Sprint("t", i%5), Stream: fmt.Sprint("room", i%200), Tier: []string{"standard", "pro", "ultra"}[i%3],
			Opening: fmt.Sprint("opening", i%7), Form: form, Deadline: s.at.Add(within + time.Duration(i%100)*time.Second),
		}
	}
	n := 0
	fill := func() {
		for ; len(s.waiting) < waiting; n++ {
			item := s.newItem(order(n))
			at, _ := slices.BinarySearchFunc(s.waiting, item, byDeadline)
			s.waiting = slices.Insert(s.waiting, at, item)
		}
	}
	fill()
	var running []string
	for b.Loop() {
		s.at = s.at.Add(time.Second)
		if len(running) > 3 {
			s.Done(running[0], Made, false, 0)
			running = running[1:]
		}
		n++
		s.Offer(order(n))
		starts, _ := s.Next()
		for _, st := range starts {
			running = append(running, st.ID)
		}
		b.StopTimer()
		fill()
		b.StartTimer()
	}
}
