package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Rate is how many requests a second are sent: Value, or that part of the greatest
// rate if Part is set, or as many as are answered if Greatest is set.
type Rate struct {
	Value    float64
	Part     bool
	Greatest bool
}

// mostRates are what a curve needs at most.
const mostRates = 100

// ParseRates understands "max" and numbers, such as 5000 or 50%, which is half of the
// greatest rate; FROM..TO/N, which are N of them with equal ratios in between; and
// lists of all these with commas.
func ParseRates(text string) ([]Rate, error) {
	var rates []Rate
	for _, element := range strings.Split(text, ",") {
		element = strings.TrimSpace(element)
		from, rest, isRange := strings.Cut(element, "..")
		if !isRange {
			rate, err := parseRate(element)
			if err != nil {
				return nil, err
			}
			rates = append(rates, rate)
			continue
		}
		to, number, _ := strings.Cut(rest, "/")
		n, err := strconv.Atoi(number)
		if err != nil || n < 2 || n > mostRates {
			return nil, fmt.Errorf("range %q has %q rates, want FROM..TO/N with N from 2 to %d", element, number, mostRates)
		}
		first, err := parseRate(from)
		if err != nil {
			return nil, err
		}
		last, err := parseRate(to)
		if err != nil {
			return nil, err
		}
		if first.Greatest || last.Greatest || first.Part != last.Part {
			return nil, fmt.Errorf("range %q is from %q to %q, want two numbers or two percentages", element, from, to)
		}
		for i := range n {
			ratio := math.Pow(last.Value/first.Value, float64(i)/float64(n-1))
			rates = append(rates, Rate{Value: first.Value * ratio, Part: first.Part})
		}
	}
	if len(rates) > mostRates {
		return nil, fmt.Errorf("%q are %d rates, want at most %d", text, len(rates), mostRates)
	}
	return rates, nil
}

func parseRate(text string) (Rate, error) {
	if text == "max" {
		return Rate{Greatest: true}, nil
	}
	number, part := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !(value > 0 && value <= 1e9) {
		return Rate{}, fmt.Errorf("rate %q is not max, nor a number of requests a second such as 5000, nor a part such as 50%%", text)
	}
	if part {
		value /= 100
	}
	return Rate{Value: value, Part: part}, nil
}
