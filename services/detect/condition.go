package detect

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"
)

// ConditionRules is a rule of the operator's own: where its condition holds, its weight counts.
type ConditionRules struct {
	Name   string  `yaml:"name"`
	When   string  `yaml:"when"` // CEL
	Weight float64 `yaml:"weight"`
	Kind   string  `yaml:"kind"` // of the highlight it makes; empty: as without the rule
	Veto   bool    `yaml:"veto"` // where it holds, there is no highlight
}

const (
	mostConditions = 100
	longestWhen    = 2000 // characters
	deepestWhen    = 50   // nested brackets
	mostCost       = 500  // steps of one condition at one moment; one that needs more does not hold
)

// condition is a rule ready to be asked.
type condition struct {
	ConditionRules
	program cel.Program
}

// measuredNames are the names that conditions may use, each a number: what the signals measure at the moment.
var measuredNames = []string{
	"comments.users", "comments.usual", "comments.z", "comments.buy", "comments.excited", "comments.complaint", "comments.laugh",
	"likes.count", "likes.z", "gifts.count", "gifts.z", "follows.count", "follows.z", "orders.count", "orders.z",
	"price.percent_off", "price.now", "price.was", "product.on_show", "loudness.lu", "sound.laughter", "sound.applause",
	"time.s", "moment.score",
}

// conditionEnv is what conditions are written in: CEL without its loops, over what is measured, health.comments and its
// like, keyword("group") and evidence("feature"). A name that stands for nothing is an error.
func conditionEnv(features []string) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ClearMacros(), // no loops: a condition costs what it is long
		cel.Macros(cel.GlobalMacro("keyword", 1, featureMacro(signalKeyword+".", true)), cel.GlobalMacro("evidence", 1, featureMacro("", false))),
		cel.ParserRecursionLimit(deepestWhen),
		cel.ParserExpressionSizeLimit(longestWhen),
		cel.CrossTypeNumericComparisons(true),
	}
	for _, name := range measuredNames {
		options = append(options, cel.Variable(name, cel.DoubleType))
	}
	for _, kind := range feeds {
		options = append(options, cel.Variable(healthPrefix+kind.name, cel.StringType))
	}
	for _, feature := range features {
		options = append(options, cel.Variable(featurePrefix+feature, cel.DoubleType))
	}
	return cel.NewEnv(options...)
}

const (
	healthPrefix  = "health."
	featurePrefix = "feature."
)

// featureMacro makes keyword("x") the value of the feature keyword.x; with present, whether there is any.
func featureMacro(prefix string, present bool) cel.MacroFactory {
	return func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		name, ok := "", args[0].Kind() == ast.LiteralKind
		if ok {
			name, ok = args[0].AsLiteral().Value().(string)
		}
		if !ok {
			return nil, eh.NewError(args[0].ID(), "must be a name in quotes")
		}
		value := eh.NewIdent(featurePrefix + prefix + name)
		if !present {
			return value, nil
		}
		return eh.NewCall(operators.Greater, value, eh.NewLiteral(types.Double(0))), nil
	}
}

// compile reads a condition; the error tells the column.
func compile(env *cel.Env, c ConditionRules) (condition, error) {
	if len(c.When) > longestWhen {
		return condition{}, fmt.Errorf("longer than %d bytes", longestWhen)
	}
	compiled, issues := env.Compile(c.When)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return condition{}, fmt.Errorf("column %d: %s", first.Location.Column()+1, first.Message)
	}
	if !compiled.OutputType().IsExactType(cel.BoolType) {
		return condition{}, fmt.Errorf("must be true or false, is %s", compiled.OutputType())
	}
	program, err := env.Program(compiled, cel.CostLimit(mostCost))
	if err != nil {
		return condition{}, err
	}
	return condition{c, program}, nil
}

// moment is when, and of what, a condition is asked.
type moment struct {
	room  *room
	parts []evidence
	at    time.Duration
	known map[string]float64
}

// ResolveName gives what is measured; see interpreter.Activation.
func (a *moment) ResolveName(name string) (any, bool) {
	if feature, ok := strings.CutPrefix(name, featurePrefix); ok {
		return a.value(feature), true
	}
	if signal, ok := strings.CutPrefix(name, healthPrefix); ok {
		return string(a.room.healthOf(signal)), true
	}
	if a.known == nil {
		a.known = map[string]float64{"time.s": a.at.Seconds(), "moment.score": a.room.rules.score(a.parts)}
		for _, s := range a.room.signals() {
			s.values(func(name string, v float64) { a.known[name] = v })
		}
	}
	v, ok := a.known[name]
	return v, ok
}

// Parent is none; see interpreter.Activation.
func (a *moment) Parent() interpreter.Activation { return nil }

func (a *moment) value(feature string) float64 {
	for _, p := range a.parts {
		if p.Feature == feature {
			return p.Value
		}
	}
	return 0
}

// conditions gives the evidence of the rules whose conditions hold at a moment. One that fails, or costs too much, does not.
func (r *room) conditions(parts []evidence, at time.Duration) []evidence {
	var out []evidence
	a := &moment{room: r, parts: parts, at: at}
	for _, c := range r.rules.conditions {
		holds, err := c.holds(a)
		if err != nil || !holds {
			continue
		}
		out = append(out, evidence{
			Signal: signalRule, Feature: signalRule + "." + c.Name, Value: 1, Kind: c.Kind, Moment: parts[0].Moment,
			Detail: fmt.Sprintf("rule %q holds", c.Name), Chinese: fmt.Sprintf("符合规则“%s”", c.Name),
		})
	}
	return out
}

var errNotBool = errors.New("neither true nor false")

func (c condition) holds(a *moment) (bool, error) {
	out, _, err := c.program.Eval(a)
	if err != nil {
		return false, err
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return holds, nil
}

// vetoed gives the first rule among parts that forbids a highlight.
func (r *Rules) vetoed(parts []evidence) (name string, ok bool) {
	for _, p := range parts {
		for _, c := range r.conditions {
			if c.Veto && p.Feature == signalRule+"."+c.Name {
				return c.Name, true
			}
		}
	}
	return "", false
}
