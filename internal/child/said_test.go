package child

import (
	"fmt"
	"strings"
	"testing"
)

const dumpOfC = `media: list.c:6: take: Assertion ` + "`n == 2'" + ` failed.
SIGABRT: abort
PC=0x7febe2ff1eec m=0 sigcode=18446744073709551610
signal arrived during cgo execution

goroutine 1 gp=0xa54660261e0 m=0 mp=0x55d540 [syscall]:
runtime.cgocall(0x48bb30, 0xa546606cef8)
	/usr/local/go/src/runtime/cgocall.go:167 +0x4b fp=0xa546606ced0 sp=0xa546606ce98 pc=0x477b4b
main._Cfunc_take(0x1)
	_cgo_gotypes.go:48 +0x3a fp=0xa546606cef8 sp=0xa546606ced0 pc=0x48b6da
main.(*list).take({0x7ffee7b05acd?, 0xa54660261e0?})
	/src/main.go:16 +0x119 fp=0xa546606cf28 sp=0xa546606cef8 pc=0x48b939
runtime.goexit({})
	/usr/local/go/src/runtime/asm_amd64.s:1771 +0x1 fp=0xa546606cfe8 sp=0xa546606cfe0 pc=0x47f161

goroutine 2 gp=0xa5466026d20 m=nil [force gc (idle)]:
main.another()
	/src/main.go:99 +0x1
`

const faultOfC = `media: list.c:6: take: Assertion ` + "`n == 2'" + ` failed.
SIGABRT: abort
signal arrived during cgo execution
goroutine 1 [syscall]:
main._Cfunc_take _cgo_gotypes.go:48
main.(*list).take /src/main.go:16`

func TestOfACrashWhatNamesTheFaultIsKept(t *testing.T) {
	registers := strings.Repeat("rax    0x0\n", 5000)
	for name, c := range map[string]struct{ said, want string }{
		"an assertion in C": {dumpOfC + registers, faultOfC},
		"a panic": {"said before\npanic: over\n\tthere\n\ngoroutine 23 [running]:\nmain.deeper.func1()\n\t/src/main.go:21 +0x25\ncreated by main.deeper in goroutine 1\n\t/src/main.go:21 +0x3d\n",
			"said before\npanic: over\n\tthere\ngoroutine 23 [running]:\nmain.deeper.func1 /src/main.go:21\ncreated by main.deeper in goroutine 1 /src/main.go:21"},
		"no crash":           {"[aac @ 0x55] panic: not at the beginning of a line\n", "[aac @ 0x55] panic: not at the beginning of a line"},
		"nothing":            {"", ""},
		"a fault at the end": {"fatal error: out of memory", "fatal error: out of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			var whole, pieces said
			fmt.Fprint(&whole, c.said)
			for i := range len(c.said) {
				fmt.Fprint(&pieces, c.said[i:i+1])
			}
			if whole.String() != c.want || pieces.String() != c.want {
				t.Errorf("kept %q, in pieces %q, want %q", whole.String(), pieces.String(), c.want)
			}
		})
	}
}

func TestOfWhatAChildSaidBeforeItsCrashTheBeginningAndTheEndAreKept(t *testing.T) {
	var s said
	fmt.Fprintln(&s, "first of all")
	for i := range 10_000 {
		fmt.Fprintln(&s, "noise", i)
	}
	fmt.Fprint(&s, dumpOfC)
	got := s.String()
	if !strings.HasPrefix(got, "first of all\n") || !strings.HasSuffix(got, "\nnoise 9999\n"+faultOfC) || len(got) > 2*headSize+tailSize+faultSize {
		t.Errorf("kept %d bytes: %q", len(got), got)
	}
}

func FuzzWhatAChildSaidIsBounded(f *testing.F) {
	f.Add([]byte(dumpOfC), 7)
	f.Add([]byte("panic: \n\ngoroutine "), 1)
	f.Add([]byte("SIGSEGV: \nPC=\n\ngoroutine 1\n\t\nx\n\t"), 3)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		var s said
		for step = max(1, step%len(append(b, 0))); len(b) > 0; b = b[min(step, len(b)):] {
			_, _ = s.Write(b[:min(step, len(b))])
		}
		if got := s.String(); len(got) > 2*headSize+tailSize+faultSize+1 {
			t.Fatalf("%d bytes were kept", len(got))
		}
	})
}
