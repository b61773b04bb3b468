"""What is spoken: sentences of live selling, ordinary talk, and loose words, as lists of tokens.

A token is one Chinese character or one English word written `▁word` (sherpa-onnx prints the ▁ as a blank).
"""

from __future__ import annotations

import random
import re
from pathlib import Path

TEXT = Path(__file__).parent / "text"
DIGITS = "零一二三四五六七八九"
_SLOT = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"▁[a-z]+|[^\s▁]")


def tokens(text: str) -> list[str]:
    """Splits a sentence into its tokens."""
    return _TOKEN.findall(text)


def number(n: int) -> str:
    """How 0 ≤ n < 1,000,000 is said: 15 十五, 205 两百零五, 5600 五千六百."""
    if n >= 10000:
        rest = number(n % 10000) if n % 10000 else ""
        return number(n // 10000).replace("二", "两", n // 10000 == 2) + "万" + ("零" if rest and n % 10000 < 1000 else "") + rest
    out, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // unit % 10
        if digit == 0:
            gap = bool(out)
            continue
        if unit >= 100 and digit == 2:
            said = "两"
        else:
            said = "" if unit == 10 and digit == 1 and not out else DIGITS[digit]
        out, gap = out + ("零" if gap else "") + said + name, False
    return out or "零"


def _count(r: random.Random) -> str:
    """A number of things: 两, 三, 十, 一百二十."""
    n = r.choice([r.randint(1, 10), r.randint(1, 20), r.randint(1, 99), 10 * r.randint(1, 30), 50 * r.randint(1, 40), r.randint(100, 2999)])
    return "两" if n == 2 else number(n)


def _amount(r: random.Random) -> str:
    n = r.choice([r.randint(1, 99), 10 * r.randint(1, 50), 100 * r.randint(1, 30), r.randint(100, 999), 50 * r.randint(1, 20)])
    return ("两" if n == 2 else number(n)) + r.choice(["块", "元", "元", "", "块钱"] if n >= 10 else ["块", "元", "块钱"])


def _price(r: random.Random) -> str:
    tag = r.choice([9, 8, 6, 5])
    return r.choice(
        [
            lambda: f"{number(r.randint(1, 199))}块{DIGITS[tag]}",
            lambda: f"{number(10 * r.randint(1, 39) + 9)}块九",
            lambda: number(10 * r.randint(0, 99) + 9),
            lambda: number(10 * r.randint(0, 99) + tag) + r.choice(["元", "块", "块钱"]),
            lambda: number(r.choice([99, 199, 299, 399, 499, 599, 699, 799, 899, 999, 1999, 2999])) + r.choice(["元", "块", ""]),
            lambda: number(100 * r.randint(1, 59)) + r.choice(["元", "块", "块钱"]),
            lambda: f"{DIGITS[r.randint(1, 9)]}九九",
            lambda: f"{DIGITS[r.randint(1, 9)]}{DIGITS[r.randint(1, 9)]}九",
            lambda: f"{number(r.randint(1, 99))}元",
            lambda: f"{DIGITS[r.randint(1, 9)]}千{DIGITS[r.randint(1, 9)]}",
            lambda: f"{number(r.randint(1, 99))}点{DIGITS[r.randint(1, 9)]}元",
        ]
    )()


def _off(r: random.Random) -> str:
    return r.choice(
        [
            lambda: DIGITS[r.randint(1, 9)] + "折",
            lambda: DIGITS[r.randint(1, 9)] + "折",
            lambda: DIGITS[r.randint(6, 9)] + DIGITS[r.randint(1, 9)] + "折",
            lambda: f"{DIGITS[r.randint(1, 9)]}点{DIGITS[r.randint(1, 9)]}折",
            lambda: r.choice(["半价", "五折", "对折", "折上折"]),
        ]
    )()


_NUMBERS = {
    "price": _price,
    "amount": _amount,
    "count": _count,
    "off": _off,
    "few": lambda r: r.choice("一两三四五六七八九十"),
    "minutes": lambda r: r.choice(["一", "两", "三", "五", "十", "四", "六", "八", "十五", "二十", "三十", "四十五", "六十"]),
    "seconds": lambda r: r.choice(["十", "三", "五", "十五", "二十", "三十", "六十"]),
    "link": lambda r: number(r.randint(1, 30)),
    "percent": lambda r: "百分之" + number(r.choice([5 * r.randint(1, 19), r.randint(1, 99)])),
    "week": lambda r: r.choice("一二三四五六天日"),
    "month": lambda r: number(r.randint(1, 12)),
    "day": lambda r: number(r.randint(1, 31)),
    "tens": lambda r: number(r.choice([5, 10, 15, 20, 25, 30, 40, 45, 50, r.randint(11, 59)])),
    "digits": lambda r: "".join(r.choice(DIGITS) for _ in range(r.randint(3, 8))),
}


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


class Grammar:
    """Draws sentences from the templates in text/."""

    def __init__(self) -> None:
        self.slots: dict[str, list[str]] = {}
        for line in _lines(TEXT / "slots.txt"):
            if line.startswith("["):
                name = line.strip("[]")
                self.slots[name] = []
            else:
                self.slots[name] += line.split()
        self.commerce = _lines(TEXT / "commerce.txt")
        self.talk = _lines(TEXT / "talk.txt")
        self.words = _lines(TEXT / "words.txt")

    def fill(self, template: str, r: random.Random) -> str:
        """Fills every slot of a template."""

        def one(match: re.Match[str]) -> str:
            name = match.group(1)
            return _NUMBERS[name](r) if name in _NUMBERS else r.choice(self.slots[name])

        return _SLOT.sub(one, template)

    def commerce_sentence(self, r: random.Random) -> str:
        return self.fill(r.choice(self.commerce), r)

    def talk_sentence(self, r: random.Random) -> str:
        return self.fill(r.choice(self.talk), r)

    def loose(self, r: random.Random) -> str:
        """Words in no order, so that sounds and words are learnt apart from the templates; common words come more often."""
        slots = list(self.slots.values())
        word = lambda: r.choice(r.choice(slots)) if r.random() < 0.2 else self.words[int(len(self.words) * r.random() ** 1.5)]
        return "".join(word() for _ in range(r.randint(2, 5)))

    def sentence(self, r: random.Random) -> str:
        """One utterance's text: 35 % selling, 25 % talk, 30 % loose words, 10 % two sentences in one breath."""
        x = r.random()
        if x < 0.35:
            return self.commerce_sentence(r)
        if x < 0.60:
            return self.talk_sentence(r)
        if x < 0.90:
            return self.loose(r)
        return r.choice([self.commerce_sentence, self.talk_sentence])(r) + self.commerce_sentence(r)

    def vocabulary(self) -> list[str]:
        """Every token the grammar can say, sorted."""
        seen = set("零一二三四五六七八九十百千万两点块元钱折半价对上分之")
        for line in [*self.commerce, *self.talk, *self.words]:
            seen.update(tokens(_SLOT.sub("", line)))
        for entries in self.slots.values():
            for entry in entries:
                seen.update(tokens(entry))
        return sorted(seen)
