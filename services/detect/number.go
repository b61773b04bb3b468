package detect

import "liveclip/internal/wording"

// money is an amount and, where it was said, its currency's sign.
type money = wording.Money

// readNumber reads the number that begins with the first of tokens and gives how many it takes; 0: none.
func readNumber(tokens []string) (value float64, taken int) { return wording.Number(tokens) }

// readMoney reads an amount with its currency.
func readMoney(tokens []string) (m money, taken int) { return wording.ReadMoney(tokens) }

// percentOff gives by how much a price falls; negative where it rises.
func percentOff(was, now money) float64 {
	if was.Amount <= 0 {
		return 0
	}
	return 100 * (was.Amount - now.Amount) / was.Amount
}
