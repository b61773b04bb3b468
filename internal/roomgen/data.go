package roomgen

import (
	_ "embed"
	"fmt"

	"liveclip/internal/strictyaml"
)

//go:embed rooms.yaml
var roomsYAML []byte

//go:embed phrases.yaml
var phrasesYAML []byte

// span is the two ends of a draw.
type span [2]float64

// mix is weights by name.
type mix map[string]float64

// constants is rooms.yaml; what each means is said there.
type constants struct {
	Length     float64         `yaml:"length"`
	Chinese    float64         `yaml:"chinese"`
	WordErrors map[string]span `yaml:"word_errors"`
	Speech     struct {
		ZhRate     span    `yaml:"zh_rate"`
		EnRate     span    `yaml:"en_rate"`
		Breath     span    `yaml:"breath"`
		Pause      span    `yaml:"pause"`
		Together   [2]int  `yaml:"together"`
		Delay      span    `yaml:"delay"`
		Punctuated float64 `yaml:"punctuated"`
	} `yaml:"speech"`
	Segment struct {
		Talk       span      `yaml:"talk"`
		After      span      `yaml:"after"`
		Moments    []float64 `yaml:"moments"`
		Kinds      mix       `yaml:"kinds"`
		Lead       float64   `yaml:"lead"`
		Follow     [2]int    `yaml:"follow"`
		Again      float64   `yaml:"again"`
		Lull       float64   `yaml:"lull"`
		LullLength span      `yaml:"lull_length"`
	} `yaml:"segment"`
	Label struct {
		Air      float64 `yaml:"air"`
		Spread   float64 `yaml:"spread"`
		Tail     float64 `yaml:"tail"`
		Shortest float64 `yaml:"shortest"`
		Longest  float64 `yaml:"longest"`
	} `yaml:"label"`
	Crowd struct {
		Rate     span    `yaml:"rate"`
		Drift    float64 `yaml:"drift"`
		Users    span    `yaml:"users"`
		Lag      span    `yaml:"lag"`
		Jitter   float64 `yaml:"jitter"`
		Spread   span    `yaml:"spread"`
		Delay    span    `yaml:"delay"`
		Skew     float64 `yaml:"skew"`
		Late     float64 `yaml:"late"`
		Twice    float64 `yaml:"twice"`
		Mix      mix     `yaml:"mix"`
		Greeting struct {
			Within span `yaml:"within"`
			Gain   span `yaml:"gain"`
		} `yaml:"greeting"`
	} `yaml:"crowd"`
	Response struct {
		Gain   span    `yaml:"gain"`
		Cold   float64 `yaml:"cold"`
		Least  int     `yaml:"least"`
		Mix    mix     `yaml:"mix"`
		Reveal mix     `yaml:"reveal"`
	} `yaml:"response"`
	Distract struct {
		Past        float64 `yaml:"past"`
		Passing     float64 `yaml:"passing"`
		Ask         float64 `yaml:"ask"`
		AskedGain   span    `yaml:"asked_gain"`
		Joke        float64 `yaml:"joke"`
		JokeGain    span    `yaml:"joke_gain"`
		Trouble     float64 `yaml:"trouble"`
		TroubleGain span    `yaml:"trouble_gain"`
		Bots        float64 `yaml:"bots"`
		BotMessages span    `yaml:"bot_messages"`
		Swarm       float64 `yaml:"swarm"`
		SwarmUsers  span    `yaml:"swarm_users"`
		Shout       float64 `yaml:"shout"`
		Gifts       float64 `yaml:"gifts"`
	} `yaml:"distract"`
	Shop struct {
		WithoutProducts float64 `yaml:"without_products"`
		Shown           float64 `yaml:"shown"`
		Priced          float64 `yaml:"priced"`
		PricedAt        span    `yaml:"priced_at"`
		SoldOut         float64 `yaml:"sold_out"`
		SoldOutAfter    span    `yaml:"sold_out_after"`
		WithoutOrders   float64 `yaml:"without_orders"`
		OrderRate       float64 `yaml:"order_rate"`
		Orders          span    `yaml:"orders"`
		OrderLag        span    `yaml:"order_lag"`
	} `yaml:"shop"`
	Likes struct {
		Without   float64 `yaml:"without"`
		Every     span    `yaml:"every"`
		Usual     span    `yaml:"usual"`
		Gain      span    `yaml:"gain"`
		AtMoments float64 `yaml:"at_moments"`
	} `yaml:"likes"`
	GiftRate   float64 `yaml:"gift_rate"`
	FollowRate float64 `yaml:"follow_rate"`
	Sound      struct {
		Level    span    `yaml:"level"`
		Spread   float64 `yaml:"spread"`
		Floor    span    `yaml:"floor"`
		Music    float64 `yaml:"music"`
		Louder   span    `yaml:"louder"`
		LouderAt float64 `yaml:"louder_at"`
		Applause float64 `yaml:"applause"`
	} `yaml:"sound"`
	Scenes struct {
		AtProduct float64 `yaml:"at_product"`
		AtMoment  float64 `yaml:"at_moment"`
		Rate      float64 `yaml:"rate"`
	} `yaml:"scenes"`
	Missing struct {
		Comments  float64 `yaml:"comments"`
		Stalled   float64 `yaml:"stalled"`
		Stall     span    `yaml:"stall"`
		Behind    float64 `yaml:"behind"`
		BehindBy  span    `yaml:"behind_by"`
		BehindFor span    `yaml:"behind_for"`
	} `yaml:"missing"`
}

// language is what the rooms of one language say and write.
type language struct {
	Products map[string][]string `yaml:"products"` // by category
	Moments  map[string]struct {
		Said []string `yaml:"said"`
		Held []string `yaml:"held"`
	} `yaml:"moments"`
	Lead     []string            `yaml:"lead"`
	Follow   []string            `yaml:"follow"`
	Talk     []string            `yaml:"talk"`
	Greet    []string            `yaml:"greet"`
	Past     []string            `yaml:"past"`
	Passing  []string            `yaml:"passing"`
	Ask      []string            `yaml:"ask"`
	Joke     []string            `yaml:"joke"`
	Trouble  []string            `yaml:"trouble"`
	Comments map[string][]string `yaml:"comments"`
}

// phrases is phrases.yaml.
type phrases struct {
	Zh      language            `yaml:"zh"`
	En      language            `yaml:"en"`
	Hosts   map[string][]string `yaml:"hosts"`
	Mishear struct {
		Zh struct {
			Words  map[string][]string `yaml:"words"`
			Alike  []string            `yaml:"alike"`
			Random string              `yaml:"random"`
		} `yaml:"zh"`
		En struct {
			Words  map[string][]string `yaml:"words"`
			Random []string            `yaml:"random"`
			Drop   []string            `yaml:"drop"`
		} `yaml:"en"`
	} `yaml:"mishear"`
}

// Maker makes rooms. Safe for concurrent use.
type Maker struct {
	c constants
	p phrases
}

// New reads the data files.
func New() (*Maker, error) {
	m := &Maker{}
	if err := strictyaml.New("rooms.yaml", roomsYAML).Decode(&m.c); err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	if err := strictyaml.New("phrases.yaml", phrasesYAML).Decode(&m.p); err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	return m, nil
}
