package wording

import (
	"fmt"

	"github.com/longbridgeapp/opencc"
)

// Simplified gives the simplified form of every traditional character that has one.
func Simplified() (map[rune]rune, error) {
	converter, err := opencc.New("t2s")
	if err != nil {
		return nil, fmt.Errorf("load the traditional to simplified table: %w", err)
	}
	simplified := map[rune]rune{}
	for r := rune(0x3400); r < 0xA000; r++ {
		to, err := converter.Convert(string(r))
		if err != nil {
			return nil, fmt.Errorf("read the traditional to simplified table: %w", err)
		}
		if s := []rune(to); len(s) == 1 && s[0] != r {
			simplified[r] = s[0]
		}
	}
	for from, to := range simplified { // of a character with several steps, the last
		for range len(simplified) {
			next, more := simplified[to]
			if !more || next == from {
				break
			}
			to = next
		}
		simplified[from] = to
	}
	return simplified, nil
}
