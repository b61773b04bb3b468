package demo

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/wording"
)

func TestASeedGivesTheSameRoomAgainAndAnotherSeedAnother(t *testing.T) {
	if !reflect.DeepEqual(NewRoom(7), NewRoom(7)) {
		t.Error("seed 7 gave two rooms")
	}
	if reflect.DeepEqual(NewRoom(7).Script, NewRoom(8).Script) {
		t.Error("seeds 7 and 8 gave one script")
	}
	if !reflect.DeepEqual(NewMandarinRoom(7), NewMandarinRoom(7)) {
		t.Error("seed 7 gave two Mandarin rooms")
	}
}

func TestMomentsStandApartAndEndBeforeTheRoomDoes(t *testing.T) {
	for seed := range uint64(400) {
		room := NewRoom(seed)
		if seed >= 200 {
			room = NewMandarinRoom(seed)
		}
		moments := room.Moments()
		if len(moments) < 3 {
			t.Fatalf("seed %d: %d moments", seed, len(moments))
		}
		for i, m := range moments {
			if m.End+6*time.Second > room.Length {
				t.Errorf("seed %d: moment %q ends at %s, the room at %s", seed, m.Text, m.End, room.Length)
			}
			if i > 0 && m.Start-moments[i-1].End < 8*time.Second {
				t.Errorf("seed %d: %q comes %s after %q", seed, m.Text, m.Start-moments[i-1].End, moments[i-1].Text)
			}
		}
		if room.Length > 75*time.Second {
			t.Errorf("seed %d: the room is %s long", seed, room.Length)
		}
	}
}

// What a host may say of a price agrees with what is on the table: nobody is told of a price that a product never has.
func TestHostsSayThePricesThatTheirProductsHave(t *testing.T) {
	for _, of := range []tongue{english, mandarin} {
		for _, p := range of.products {
			was, ok := wording.ReadPrice(p.price.shown)
			if !ok || !agrees(p.price) {
				t.Errorf("%s: %v", p.name, p.price)
			}
			for _, now := range p.falls {
				if less, ok := wording.ReadPrice(now.shown); !ok || less.Sign != was.Sign || less.Amount >= was.Amount || !agrees(now) {
					t.Errorf("%s at %v falls to %v", p.name, p.price, now)
				}
			}
			for _, off := range p.off {
				if less, ok := wording.ReadPrice(off + "元"); !ok || less.Amount >= was.Amount {
					t.Errorf("%s at %v is sold for %s less", p.name, p.price, off)
				}
			}
		}
	}
	for seed := range uint64(100) {
		for _, room := range []Room{NewRoom(seed), NewMandarinRoom(seed)} {
			shop := room.Shop()
			if len(shop) != 2 || shop[0] != (ShopChange{Action: "listed", Price: room.Price}) || shop[1].Action != "priced" || shop[1].Price != room.Now {
				t.Errorf("seed %d: %+v in a room of %s, %s", seed, shop, room.Price, room.Now)
			}
			drop := room.Moments()[slices.IndexFunc(room.Moments(), func(m Moment) bool { return m.Kind == "price_drop" })]
			if now, _ := wording.ReadPrice(room.Now); !strings.Contains(drop.Text, saidOf(room, now)) {
				t.Errorf("seed %d: the host says %q of %s", seed, drop.Text, room.Now)
			}
		}
	}
}

// agrees tells that a price is said as it is shown.
func agrees(p price) bool {
	shown, ok := wording.ReadPrice(p.shown)
	said, heard := wording.ReadPrice(p.said)
	return ok && heard && shown.Amount == said.Amount
}

// saidOf is how the room's host says a price.
func saidOf(room Room, now wording.Money) string {
	of := english
	if room.Language == mandarin.language {
		of = mandarin
	}
	for _, p := range of.products {
		for _, fall := range p.falls {
			if shown, _ := wording.ReadPrice(fall.shown); p.name == room.Product && shown == now {
				return fall.said
			}
		}
	}
	return "no price of this product"
}
